/* One value of the configuration: from a YAML node into struct config, and back to text. Private to proto/.
 */
#ifndef DAIL_PROTO_CONFIG_VALUE_H
#define DAIL_PROTO_CONFIG_VALUE_H

#include "proto/config_table.h"

#include <yaml.h>

/* Where a value stands, for messages. */
struct config_source {
    yaml_document_t *document;
    const char *name; /* the file, or "--set" */
    bool has_lines;
};

/* Sets the row's member from `node`, freeing what was there. STATUS_USAGE says what was expected. */
enum status config_value_set(struct config *config, const struct config_row *row,
                             const struct config_source *source, const yaml_node_t *node,
                             struct error *error);

/* Writes the row's value as YAML on one line (lists in brackets). */
void config_value_print(const struct config *config, const struct config_row *row, FILE *stream);

void config_value_free(struct config *config, const struct config_row *row);

/* "file:line" of a node. */
void config_where(const struct config_source *source, const yaml_node_t *node, char *where, size_t size);

#endif
