/* The one table of configuration keys: for proto/ itself, and for what documents them. */
#ifndef DAIL_PROTO_CONFIG_CONFIG_TABLE_H
#define DAIL_PROTO_CONFIG_CONFIG_TABLE_H

#include "proto/config/config.h"

enum config_type {
    CONFIG_STRING, /* char * */
    CONFIG_PATH, /* char *; ~ at its beginning is the home folder */
    CONFIG_INT, /* int */
    CONFIG_AUTO, /* int: "auto" is 0 */
    CONFIG_INT64, /* int64_t */
    CONFIG_UINT64, /* uint64_t */
    CONFIG_DOUBLE, /* double */
    CONFIG_BOOL, /* bool */
    CONFIG_CHOICE, /* an enum: index into choices */
    CONFIG_DATASETS, /* struct config_dataset *, size_t */
    CONFIG_PATH_LIST, /* char **, size_t; likewise */
    CONFIG_INT_LIST, /* int *, size_t */
    CONFIG_DOUBLE_LIST, /* double *, size_t */
    CONFIG_PRESET, /* double: "preset" is not a number */
    CONFIG_MARGIN /* struct margin_choice: config_margin.h */
};

struct config_row {
    const char *key; /* dotted */
    enum config_type type;
    size_t offset; /* in struct config */
    size_t count_offset; /* of a list's count */
    double min, max; /* of numbers, and of a list's elements */
    const char *choices; /* words parted by '|', for CONFIG_CHOICE */
    const char *initial; /* the default, as YAML; NULL: none, see config_table.c */
    bool decides; /* enters the digest: it decides what is trained */
    const char *meaning; /* one line */
};

const struct config_row *config_rows(size_t *count);
/* The row of a whole key; NULL: there is none. */
const struct config_row *config_row_of(const char *key);
/* The rows of data.augment, which a dataset may have of its own; the first is the preset's. */
const struct config_row *config_augment_rows(size_t *count);
/* The key that a single value in the place of a group stands for; NULL: there is none. */
const struct config_row *config_short_row(const char *group);

/* What a value of this row looks like: "an integer from 1 to 10", "one of poly, step, cosine". */
void config_expected(const struct config_row *row, char *text, size_t size);

/* Writes the key or group that is nearest to `key` by edit distance; false when nothing is near. */
bool config_nearest(const char *key, char *nearest, size_t size);

#endif
