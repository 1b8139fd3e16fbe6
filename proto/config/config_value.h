/* One value of the configuration: from a YAML node into struct config, and back to text. Private to proto/.
 */
#ifndef DAIL_PROTO_CONFIG_CONFIG_VALUE_H
#define DAIL_PROTO_CONFIG_CONFIG_VALUE_H

#include "proto/config/config_table.h"
#include "proto/strict_yaml.h"

/* Sets the row's member from `node`, freeing what was there. STATUS_USAGE says what was expected. */
enum status config_value_set(struct config *config, const struct config_row *row,
                             const struct strict_yaml *yaml, const yaml_node_t *node, struct error *error);

/* Writes the row's value as YAML on one line (lists in brackets). */
void config_value_print(const struct config *config, const struct config_row *row, FILE *stream);

void config_value_free(struct config *config, const struct config_row *row);

#endif
