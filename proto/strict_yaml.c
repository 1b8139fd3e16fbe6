#include "proto/strict_yaml.h"

#include "proto/file.h"
#include "proto/text.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { FIELDS_MAX = 64, KEY_SIZE = 160 };

/* --- Messages --- */

enum status strict_yaml_fault(const struct strict_yaml *yaml, const yaml_node_t *node, const char *next,
                              struct error *error, const char *format, ...)
{
    char where[PATH_SIZE + 32], what[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    snprintf(where, sizeof where, yaml->has_lines && node ? "%s:%zu" : "%s", yaml->name,
             node ? node->start_mark.line + 1 : 0);
    return error_set(error, yaml->status, where, next ? next : yaml->next, "%s", what);
}

enum status strict_yaml_expected(const struct strict_yaml *yaml, const yaml_node_t *node, const char *key,
                                 const char *expected, struct error *error)
{
    const char *found = node->type == YAML_SCALAR_NODE    ? (const char *)node->data.scalar.value
                        : node->type == YAML_MAPPING_NODE ? "a mapping"
                                                          : "a list";
    return strict_yaml_fault(yaml, node, NULL, error, "%s: expected %s, found '%.200s'", key, expected,
                             found);
}

/* The key with what it is within. */
static const char *whole_key(const struct strict_yaml *yaml, const char *key, char whole[KEY_SIZE])
{
    snprintf(whole, KEY_SIZE, "%s%s%s", yaml->within ? yaml->within : "", yaml->within ? "." : "", key);
    return whole;
}

/* --- Documents --- */

/* Brackets in texts and comments count too: nothing of ours comes near the bound. */
static bool depth_is_bounded(const char *text, size_t size)
{
    size_t depth = 0;
    for (size_t i = 0; i < size && depth <= STRICT_YAML_DEPTH_MAX; i++) {
        if (text[i] == '[' || text[i] == '{') {
            depth++;
        } else if ((text[i] == ']' || text[i] == '}') && depth > 0) {
            depth--;
        }
    }
    return depth <= STRICT_YAML_DEPTH_MAX;
}

static enum status refuse(const struct strict_yaml *yaml, const yaml_parser_t *parser, struct error *error)
{
    const yaml_node_t place = {.start_mark = parser->problem_mark};
    if (parser->error == YAML_MEMORY_ERROR) {
        return error_no_memory(error, yaml->name);
    }
    return strict_yaml_fault(yaml, &place, NULL, error, "not readable as YAML: %s",
                             parser->problem ? parser->problem : "unknown problem");
}

/* After the first document there must be nothing. */
static enum status check_last(const struct strict_yaml *yaml, yaml_parser_t *parser, struct error *error)
{
    yaml_document_t second;
    if (!yaml_parser_load(parser, &second)) {
        return refuse(yaml, parser, error);
    }
    const yaml_node_t *root = yaml_document_get_root_node(&second);
    enum status status = STATUS_OK;
    if (root) {
        status = strict_yaml_fault(yaml, root, "keep one document", error,
                                   "a second YAML document, which would not be read");
    }
    yaml_document_delete(&second);
    return status;
}

enum status strict_yaml_parse(struct strict_yaml *yaml, const char *text, size_t size,
                              const yaml_node_t **root, struct error *error)
{
    yaml_parser_t parser;
    *root = NULL;
    if (!depth_is_bounded(text, size)) {
        return strict_yaml_fault(yaml, NULL, NULL, error,
                                 "not readable as YAML: brackets lie within each other more than %d deep",
                                 STRICT_YAML_DEPTH_MAX);
    }
    if (!yaml_parser_initialize(&parser)) {
        return error_no_memory(error, yaml->name);
    }
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
    enum status status = STATUS_OK;
    if (!yaml_parser_load(&parser, &yaml->document)) {
        status = refuse(yaml, &parser, error);
    } else {
        *root = yaml_document_get_root_node(&yaml->document);
        status = *root ? check_last(yaml, &parser, error) : STATUS_OK;
        if (status != STATUS_OK) {
            yaml_document_delete(&yaml->document);
        }
    }
    yaml_parser_delete(&parser);
    return status;
}

enum status strict_yaml_open(struct strict_yaml *yaml, size_t limit, const yaml_node_t **root,
                             struct error *error)
{
    char *text;
    size_t size;
    enum status status = file_read(yaml->name, limit, &text, &size, error);
    if (status != STATUS_OK) {
        return status;
    }
    status = strict_yaml_parse(yaml, text, size, root, error);
    free(text);
    if (status == STATUS_OK && !*root) {
        status = strict_yaml_fault(yaml, NULL, NULL, error, "the file is empty");
        yaml_document_delete(&yaml->document);
    }
    return status;
}

void strict_yaml_close(struct strict_yaml *yaml)
{
    yaml_document_delete(&yaml->document);
}

/* libyaml looks a node up without changing anything, but does not say so. */
static const yaml_node_t *node_of(const struct strict_yaml *yaml, int index)
{
    return yaml_document_get_node((yaml_document_t *)&yaml->document, index);
}

/* --- Scalars --- */

static bool is_plain(const yaml_node_t *node)
{
    return node->type == YAML_SCALAR_NODE && (node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE ||
                                              node->data.scalar.style == YAML_ANY_SCALAR_STYLE);
}

static bool is_null(const char *text)
{
    static const char *const words[] = {"", "~", "null", "Null", "NULL"};
    bool found = false;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        found = found || strcmp(text, words[i]) == 0;
    }
    return found;
}

const char *strict_yaml_text(const yaml_node_t *node)
{
    if (node->type != YAML_SCALAR_NODE) {
        return NULL;
    }
    const char *text = (const char *)node->data.scalar.value;
    return strlen(text) != node->data.scalar.length || (is_plain(node) && is_null(text)) ? NULL : text;
}

bool strict_yaml_integer(const yaml_node_t *node, int64_t *value)
{
    const char *text = strict_yaml_text(node);
    char *end;
    if (!text || !is_plain(node)) {
        return false;
    }
    errno = 0;
    *value = strtoll(text, &end, 10);
    return errno == 0 && end != text && *end == '\0';
}

bool strict_yaml_unsigned(const yaml_node_t *node, uint64_t *value)
{
    const char *text = strict_yaml_text(node);
    char *end;
    if (!text || !is_plain(node) || text[0] < '0' || text[0] > '9') {
        return false;
    }
    errno = 0;
    *value = strtoull(text, &end, 10);
    return errno == 0 && *end == '\0';
}

bool strict_yaml_number(const yaml_node_t *node, double *value)
{
    const char *text = strict_yaml_text(node);
    char *end;
    if (!text || !is_plain(node) || strpbrk(text, "xXnN")) {
        return false;
    }
    *value = strtod(text, &end);
    return end != text && *end == '\0' && isfinite(*value);
}

bool strict_yaml_bool(const yaml_node_t *node, bool *value)
{
    const char *text = strict_yaml_text(node);
    if (!text || !is_plain(node) || (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)) {
        return false;
    }
    *value = text[0] == 't';
    return true;
}

/* --- Mappings --- */

enum status strict_yaml_key(const struct strict_yaml *yaml, const yaml_node_t *mapping,
                            const yaml_node_pair_t *pair, const char **key, struct error *error)
{
    char whole[KEY_SIZE];
    const yaml_node_t *name = node_of(yaml, pair->key);
    *key = strict_yaml_text(name);
    if (!*key) {
        return strict_yaml_fault(yaml, name, NULL, error, "a key that is no plain word");
    }
    for (const yaml_node_pair_t *other = mapping->data.mapping.pairs.start; other < pair; other++) {
        const char *text = strict_yaml_text(node_of(yaml, other->key));
        if (text && strcmp(text, *key) == 0) {
            return strict_yaml_fault(yaml, name, "keep one of them", error, "%s is given twice",
                                     whole_key(yaml, *key, whole));
        }
    }
    return STATUS_OK;
}

static int64_t largest(const struct strict_yaml_field *field)
{
    int64_t most = field->kind == STRICT_YAML_INT      ? INT32_MAX
                   : field->kind == STRICT_YAML_UINT32 ? (int64_t)UINT32_MAX
                                                       : INT64_MAX;
    return field->most > 0 && field->most < (uint64_t)most ? (int64_t)field->most : most;
}

static bool read_integer(const struct strict_yaml_field *field, const yaml_node_t *node)
{
    int64_t value;
    if (!strict_yaml_integer(node, &value) || value < field->least || value > largest(field)) {
        return false;
    }
    if (field->kind == STRICT_YAML_INT) {
        *(int *)field->target = (int)value;
    } else if (field->kind == STRICT_YAML_UINT32) {
        *(uint32_t *)field->target = (uint32_t)value;
    } else {
        *(int64_t *)field->target = value;
    }
    return true;
}

static bool read_unsigned(const struct strict_yaml_field *field, const yaml_node_t *node)
{
    uint64_t value;
    if (!strict_yaml_unsigned(node, &value) || value < (uint64_t)field->least ||
        (field->most > 0 && value > field->most)) {
        return false;
    }
    *(uint64_t *)field->target = value;
    return true;
}

static bool read_number(const struct strict_yaml_field *field, const yaml_node_t *node)
{
    double value;
    if (!strict_yaml_number(node, &value) || value < (double)field->least ||
        (field->most > 0 && value > (double)field->most)) {
        return false;
    }
    *(double *)field->target = value;
    return true;
}

static void describe(const struct strict_yaml_field *field, char *text, size_t size)
{
    if (field->kind == STRICT_YAML_DOUBLE && field->most == 0) {
        snprintf(text, size, "a number from %lld", (long long)field->least);
    } else if (field->kind == STRICT_YAML_NAME) {
        snprintf(text, size, "a text of at most %zu bytes", field->size - 1);
    } else if (field->kind == STRICT_YAML_TEXT || field->kind == STRICT_YAML_LIST) {
        snprintf(text, size, "%s", field->kind == STRICT_YAML_TEXT ? "a text" : "a list");
    } else {
        uint64_t most = field->kind == STRICT_YAML_UINT64 && field->most == 0 ? UINT64_MAX
                        : field->kind == STRICT_YAML_UINT64                   ? field->most
                                                                              : (uint64_t)largest(field);
        snprintf(text, size, "a%s number from %lld to %llu",
                 field->kind == STRICT_YAML_DOUBLE ? "" : " whole", (long long)field->least,
                 (unsigned long long)most);
    }
}

enum status strict_yaml_value(const struct strict_yaml *yaml, const yaml_node_t *node,
                              const struct strict_yaml_field *field, struct error *error)
{
    const char *text = strict_yaml_text(node);
    char expected[96], whole[KEY_SIZE];
    bool fits = false;
    switch (field->kind) {
    case STRICT_YAML_INT:
    case STRICT_YAML_INT64:
    case STRICT_YAML_UINT32:
        fits = read_integer(field, node);
        break;
    case STRICT_YAML_UINT64:
        fits = read_unsigned(field, node);
        break;
    case STRICT_YAML_DOUBLE:
        fits = read_number(field, node);
        break;
    case STRICT_YAML_NAME:
        fits = text && strlen(text) < field->size;
        if (fits) {
            memcpy(field->target, text, strlen(text) + 1);
        }
        break;
    case STRICT_YAML_TEXT:
        fits = text;
        if (fits && !(*(char **)field->target = strdup(text))) {
            return error_no_memory(error, yaml->name);
        }
        break;
    case STRICT_YAML_LIST:
    case STRICT_YAML_NODE:
        fits = field->kind == STRICT_YAML_NODE || node->type == YAML_SEQUENCE_NODE;
        if (fits) {
            *(const yaml_node_t **)field->target = node;
        }
        break;
    }
    describe(field, expected, sizeof expected);
    return fits ? STATUS_OK
                : strict_yaml_expected(yaml, node, whole_key(yaml, field->key, whole), expected, error);
}

static enum status unknown_key(const struct strict_yaml *yaml, const yaml_node_t *name, const char *key,
                               const struct strict_yaml_field *fields, size_t count, struct error *error)
{
    char next[96], whole[KEY_SIZE];
    const char *nearest = text_nearest(key, &fields[0].key, count, sizeof *fields);
    snprintf(next, sizeof next, "did you mean %s?", nearest ? nearest : "");
    return strict_yaml_fault(yaml, name, nearest ? next : NULL, error, "unknown key %s",
                             whole_key(yaml, key, whole));
}

enum status strict_yaml_fields(const struct strict_yaml *yaml, const yaml_node_t *mapping,
                               const struct strict_yaml_field *fields, size_t count, struct error *error)
{
    bool seen[FIELDS_MAX] = {false};
    char whole[KEY_SIZE];
    if (mapping->type != YAML_MAPPING_NODE) {
        return strict_yaml_fault(yaml, mapping, NULL, error, "expected keys and values");
    }
    for (const yaml_node_pair_t *pair = mapping->data.mapping.pairs.start;
         pair < mapping->data.mapping.pairs.top; pair++) {
        const char *key;
        size_t i = 0;
        enum status status = strict_yaml_key(yaml, mapping, pair, &key, error);
        if (status != STATUS_OK) {
            return status;
        }
        while (i < count && strcmp(fields[i].key, key) != 0) {
            i++;
        }
        if (i == count) {
            return unknown_key(yaml, node_of(yaml, pair->key), key, fields, count, error);
        }
        seen[i] = true;
        status = strict_yaml_value(yaml, node_of(yaml, pair->value), &fields[i], error);
        if (status != STATUS_OK) {
            return status;
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (!seen[i] && !fields[i].optional) {
            return strict_yaml_fault(yaml, mapping, NULL, error, "the key %s is missing",
                                     whole_key(yaml, fields[i].key, whole));
        }
    }
    return STATUS_OK;
}

/* NULL: the mapping has no such key. */
static const yaml_node_t *find(const struct strict_yaml *yaml, const yaml_node_t *mapping, const char *key)
{
    const yaml_node_t *found = NULL;
    const yaml_node_pair_t *pair = mapping->data.mapping.pairs.start;
    for (; mapping->type == YAML_MAPPING_NODE && pair < mapping->data.mapping.pairs.top; pair++) {
        const char *text = strict_yaml_text(node_of(yaml, pair->key));
        found = text && strcmp(text, key) == 0 ? node_of(yaml, pair->value) : found;
    }
    return found;
}

enum status strict_yaml_version(const struct strict_yaml *yaml, const yaml_node_t *mapping,
                                const char *format, int newest, struct error *error)
{
    const yaml_node_t *kind = find(yaml, mapping, "dail_format"), *version = find(yaml, mapping, "version");
    const char *text = kind ? strict_yaml_text(kind) : NULL;
    uint64_t number = 0;
    if (!text || strcmp(text, format) != 0) {
        return strict_yaml_fault(yaml, kind ? kind : mapping, NULL, error,
                                 "this is not a %s: its dail_format is '%.100s'", format, text ? text : "");
    }
    if (!version) {
        return strict_yaml_fault(yaml, mapping, NULL, error, "the key version is missing");
    }
    if (!strict_yaml_unsigned(version, &number) || number == 0) {
        return strict_yaml_expected(yaml, version, "version", "a whole number from 1", error);
    }
    if (number > (uint64_t)newest) {
        return strict_yaml_fault(
            yaml, version, "use a newer version of this program", error,
            "this is a %s of version %llu, newer than the version %d that this program reads", format,
            (unsigned long long)number, newest);
    }
    return STATUS_OK;
}

/* --- Lists --- */

size_t strict_yaml_length(const yaml_node_t *list)
{
    return (size_t)(list->data.sequence.items.top - list->data.sequence.items.start);
}

const yaml_node_t *strict_yaml_item(const struct strict_yaml *yaml, const yaml_node_t *list, size_t index)
{
    return node_of(yaml, list->data.sequence.items.start[index]);
}
