/* Strict reading of a checkpoint's small YAML files: every key known and there exactly once, every value of
 * its type and within its range. Errors are STATUS_DATA with the file and line. Private to checkpoints.
 */
#ifndef DAIL_WORKER_CHECKPOINT_CHECKPOINT_YAML_H
#define DAIL_WORKER_CHECKPOINT_CHECKPOINT_YAML_H

#include "proto/error.h"

#include <stddef.h>
#include <stdint.h>
#include <yaml.h>

struct checkpoint_yaml {
    yaml_document_t document;
    const char *path; /* the caller's: must outlive this */
};

enum yaml_kind {
    YAML_KIND_INT, /* int */
    YAML_KIND_INT64, /* int64_t */
    YAML_KIND_UINT32, /* uint32_t */
    YAML_KIND_UINT64, /* uint64_t */
    YAML_KIND_DOUBLE, /* double, finite */
    YAML_KIND_TEXT, /* char[size] */
    YAML_KIND_SEQUENCE /* yaml_node_t * */
};

/* A key of a mapping and where its value goes. Numbers are at least `least`. */
struct yaml_field {
    const char *key;
    enum yaml_kind kind;
    void *target;
    size_t size; /* of a text's array */
    double least;
};

enum status checkpoint_yaml_open(const char *path, struct checkpoint_yaml *yaml, struct error *error);
void checkpoint_yaml_close(struct checkpoint_yaml *yaml);

yaml_node_t *checkpoint_yaml_root(struct checkpoint_yaml *yaml);

/* Reads the mapping `node`: every field must be there, and no other key. */
enum status checkpoint_yaml_fields(struct checkpoint_yaml *yaml, yaml_node_t *node,
                                   const struct yaml_field *fields, size_t count, struct error *error);

/* Length of a sequence and its items. */
size_t checkpoint_yaml_length(const yaml_node_t *sequence);
yaml_node_t *checkpoint_yaml_item(struct checkpoint_yaml *yaml, const yaml_node_t *sequence, size_t index);

/* Reads one scalar into the field's target; its key is used in messages. */
enum status checkpoint_yaml_scalar(struct checkpoint_yaml *yaml, const yaml_node_t *node,
                                   const struct yaml_field *field, struct error *error);

/* dail_format must be `format` and the version one that this program reads: a newer one is refused. */
enum status checkpoint_yaml_version(const char *path, const char *found_format, const char *format,
                                    int version, struct error *error);

/* Writes `text` as a double-quoted YAML scalar to a stdio stream. */
void checkpoint_yaml_quote(FILE *file, const char *text);

#endif
