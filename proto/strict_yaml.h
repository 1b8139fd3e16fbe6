/* Strict YAML: one document, every key known, of its type, within its range and there once; what is wrong is told with
 * file and line, what was expected and the nearest key. The configuration, manifests and checkpoints are read so. */
#ifndef DAIL_PROTO_STRICT_YAML_H
#define DAIL_PROTO_STRICT_YAML_H

#include "proto/error.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <yaml.h>

/* Brackets open at once. libyaml's work grows with the square of how deep they lie within each other: a megabyte of
 * "[" keeps it busy for many minutes, before it tells of any node. */
#define STRICT_YAML_DEPTH_MAX 1000

struct strict_yaml {
    const char *name; /* the file, for messages; the caller's: must outlive this */
    bool has_lines; /* whether messages name lines: the text is a file */
    enum status status; /* of what is wrong in it */
    const char *next; /* what to do about it */
    const char *within; /* the key whose group is read, for messages; NULL: none */
    yaml_document_t document;
};

/* Parses a text into yaml->document; the other members are the caller's. On success *root is the document, NULL for an
 * empty text, and the caller calls strict_yaml_close. yaml->status where it is no YAML or has a second document. */
enum status strict_yaml_parse(struct strict_yaml *yaml, const char *text, size_t size,
                              const yaml_node_t **root, struct error *error);

/* The same from the file yaml->name, of at most `limit` bytes, which may not be empty. */
enum status strict_yaml_open(struct strict_yaml *yaml, size_t limit, const yaml_node_t **root,
                             struct error *error);

void strict_yaml_close(struct strict_yaml *yaml);

/* --- Mappings --- */

enum strict_yaml_kind {
    STRICT_YAML_INT, /* int */
    STRICT_YAML_INT64, /* int64_t */
    STRICT_YAML_UINT32, /* uint32_t */
    STRICT_YAML_UINT64, /* uint64_t */
    STRICT_YAML_DOUBLE, /* double, finite */
    STRICT_YAML_NAME, /* char[size] */
    STRICT_YAML_TEXT, /* char *: a copy that the caller frees */
    STRICT_YAML_LIST, /* const yaml_node_t * */
    STRICT_YAML_NODE /* likewise, of any kind */
};

/* A key of a mapping and where its value goes. */
struct strict_yaml_field {
    const char *key;
    enum strict_yaml_kind kind;
    void *target;
    size_t size; /* of a name's array */
    int64_t least; /* of numbers */
    uint64_t most; /* of numbers; 0: what the type holds */
    bool optional;
};

/* Reads a mapping: every field that is not optional must be there, and no other key. */
enum status strict_yaml_fields(const struct strict_yaml *yaml, const yaml_node_t *mapping,
                               const struct strict_yaml_field *fields, size_t count, struct error *error);

/* Reads one scalar into the field's target; its key is used in messages. */
enum status strict_yaml_value(const struct strict_yaml *yaml, const yaml_node_t *node,
                              const struct strict_yaml_field *field, struct error *error);

/* The name of one pair of a mapping, which must be a plain word and the only one of that name. */
enum status strict_yaml_key(const struct strict_yaml *yaml, const yaml_node_t *mapping,
                            const yaml_node_pair_t *pair, const char **key, struct error *error);

/* The mapping's dail_format must be `format`, and its version one that this program reads: a newer one is refused
 * before anything else is looked at, by name. */
enum status strict_yaml_version(const struct strict_yaml *yaml, const yaml_node_t *mapping,
                                const char *format, int newest, struct error *error);

/* --- Lists --- */

size_t strict_yaml_length(const yaml_node_t *list);
const yaml_node_t *strict_yaml_item(const struct strict_yaml *yaml, const yaml_node_t *list, size_t index);

/* --- Scalars --- */

/* The text of a scalar; NULL for any other node, for a text with a zero byte within, which would be cut, and for null:
 * a plain ~, null or nothing is no name. */
const char *strict_yaml_text(const yaml_node_t *node);

/* The whole scalar as a decimal number. A quoted text is never one. */
bool strict_yaml_integer(const yaml_node_t *node, int64_t *value);
bool strict_yaml_unsigned(const yaml_node_t *node, uint64_t *value);
bool strict_yaml_number(const yaml_node_t *node, double *value);
bool strict_yaml_bool(const yaml_node_t *node, bool *value);

/* --- Messages --- */

/* yaml->status: "<key>: expected <expected>, found '<what is there>'" with the place. */
enum status strict_yaml_expected(const struct strict_yaml *yaml, const yaml_node_t *node, const char *key,
                                 const char *expected, struct error *error);

/* yaml->status, with the node's place and `next`, or yaml->next where that is NULL. */
enum status strict_yaml_fault(const struct strict_yaml *yaml, const yaml_node_t *node, const char *next,
                              struct error *error, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* --- Writing --- */

/* Writes `text` as a scalar in double quotes, so that nothing in it means anything to YAML. Bytes that are no UTF-8
 * are written as the characters of Latin-1: a file name may be any bytes. */
void strict_yaml_quote(FILE *stream, const char *text);

/* The same, without quotes where YAML reads it back as this text anyway. */
void strict_yaml_print(FILE *stream, const char *text);

/* The shortest decimal that reads back to the same double. */
void strict_yaml_print_number(FILE *stream, double value);

#endif
