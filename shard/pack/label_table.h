/* Labels that stand as text beside their images: numbers of identities, or their names. Private to shard/. */
#ifndef DAIL_SHARD_PACK_LABEL_TABLE_H
#define DAIL_SHARD_PACK_LABEL_TABLE_H

#include "shard/archive/stored_images.h"

#include <jansson.h>

#define LABEL_TEXT_SIZE 256 /* with its terminator */

/* Begin with {0}. */
struct label_table {
    enum { LABEL_NONE, LABEL_NUMBER, LABEL_NAME } kind; /* as the first one is */
    json_t *numbers; /* by name, in the order of coming */
};

/* The label that stands for `text`. *wrong tells why the text is none; else it is left alone. STATUS_INTERNAL. */
enum status label_table_find(struct label_table *table, const char *text, uint32_t *label, const char **wrong,
                             struct error *error);

/* Where labels are names: numbers the set's labels by the names' order byte by byte, and gives it the names. */
enum status label_table_finish(const struct label_table *table, struct stored_images *set,
                               struct error *error);
void label_table_free(struct label_table *table);

#endif
