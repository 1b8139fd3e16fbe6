#include "worker/checkpoint/checkpoint_yaml.h"

#include "proto/file.h"
#include "proto/yaml_depth.h"
#include "worker/checkpoint/checkpoint.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIELDS_MAX 64
/* COMMIT has a line of a hundred bytes for each part of a classifier. */
#define YAML_BYTES_MAX ((size_t)1 << 24)

static const char next_step[] = "the checkpoint is damaged: resume from an earlier one";

static enum status fault_at(const struct checkpoint_yaml *yaml, const yaml_node_t *node, struct error *error,
                            const char *key, const char *expected)
{
    char where[512];
    snprintf(where, sizeof where, "%.480s:%zu", yaml->path, node->start_mark.line + 1);
    return error_set(error, STATUS_DATA, where, next_step, "%s: %s", key, expected);
}

static enum status parse(struct checkpoint_yaml *yaml, const char *text, size_t size, struct error *error)
{
    yaml_parser_t parser;
    if (!yaml_depth_is_bounded(text, size)) {
        return error_set(error, STATUS_DATA, yaml->path, next_step, "this is not YAML: %s", YAML_TOO_DEEP);
    }
    if (!yaml_parser_initialize(&parser)) {
        return error_set(error, STATUS_INTERNAL, yaml->path, NULL, "out of memory");
    }
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
    enum status status = STATUS_OK;
    if (!yaml_parser_load(&parser, &yaml->document)) {
        char where[512];
        snprintf(where, sizeof where, "%.480s:%zu", yaml->path, parser.problem_mark.line + 1);
        status = error_set(error, STATUS_DATA, where, next_step, "this is not YAML: %s",
                           parser.problem ? parser.problem : "unreadable");
    } else if (!yaml_document_get_root_node(&yaml->document)) {
        status = error_set(error, STATUS_DATA, yaml->path, next_step, "the file is empty");
        yaml_document_delete(&yaml->document);
    }
    yaml_parser_delete(&parser);
    return status;
}

enum status checkpoint_yaml_open(const char *path, struct checkpoint_yaml *yaml, struct error *error)
{
    char *text;
    size_t size;
    *yaml = (struct checkpoint_yaml){.path = path};
    enum status status = file_read(path, YAML_BYTES_MAX, &text, &size, error);
    if (status != STATUS_OK) {
        return status;
    }
    status = parse(yaml, text, size, error);
    free(text);
    return status;
}

void checkpoint_yaml_close(struct checkpoint_yaml *yaml)
{
    yaml_document_delete(&yaml->document);
}

yaml_node_t *checkpoint_yaml_root(struct checkpoint_yaml *yaml)
{
    return yaml_document_get_root_node(&yaml->document);
}

/* The whole text must be a decimal integer between `least` and `most`. */
static bool read_signed(const char *text, double least, int64_t most, int64_t *value)
{
    char *end;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    *value = number;
    return errno == 0 && end != text && *end == '\0' && (double)number >= least && number <= most;
}

static bool read_unsigned(const char *text, double least, uint64_t most, uint64_t *value)
{
    char *end;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    *value = number;
    return errno == 0 && text[0] >= '0' && text[0] <= '9' && *end == '\0' && (double)number >= least &&
           number <= most;
}

static bool read_real(const char *text, double least, double *value)
{
    char *end;
    *value = strtod(text, &end);
    return end != text && *end == '\0' && isfinite(*value) && *value >= least;
}

static bool read_text(const char *text, size_t length, const struct yaml_field *field)
{
    if (length + 1 > field->size || strlen(text) != length) {
        return false;
    }
    memcpy(field->target, text, length + 1);
    return true;
}

/* NULL, or what was expected. */
static const char *read_value(const char *text, size_t length, const struct yaml_field *field)
{
    int64_t signed_value;
    uint64_t unsigned_value;
    switch (field->kind) {
    case YAML_KIND_INT:
        if (!read_signed(text, field->least, INT32_MAX, &signed_value)) {
            return "an integer in range was expected";
        }
        *(int *)field->target = (int)signed_value;
        return NULL;
    case YAML_KIND_INT64:
        if (!read_signed(text, field->least, INT64_MAX, &signed_value)) {
            return "an integer in range was expected";
        }
        *(int64_t *)field->target = signed_value;
        return NULL;
    case YAML_KIND_UINT32:
        if (!read_unsigned(text, field->least, UINT32_MAX, &unsigned_value)) {
            return "an integer from 0 in range was expected";
        }
        *(uint32_t *)field->target = (uint32_t)unsigned_value;
        return NULL;
    case YAML_KIND_UINT64:
        return read_unsigned(text, field->least, UINT64_MAX, field->target)
                   ? NULL
                   : "an integer from 0 in range was expected";
    case YAML_KIND_DOUBLE:
        return read_real(text, field->least, field->target) ? NULL : "a number in range was expected";
    case YAML_KIND_TEXT:
        return read_text(text, length, field) ? NULL : "the text is too long";
    default:
        return "a sequence was expected";
    }
}

enum status checkpoint_yaml_scalar(struct checkpoint_yaml *yaml, const yaml_node_t *node,
                                   const struct yaml_field *field, struct error *error)
{
    if (field->kind == YAML_KIND_SEQUENCE) {
        if (node->type != YAML_SEQUENCE_NODE) {
            return fault_at(yaml, node, error, field->key, "a sequence was expected");
        }
        memcpy(field->target, &node, sizeof node);
        return STATUS_OK;
    }
    if (node->type != YAML_SCALAR_NODE) {
        return fault_at(yaml, node, error, field->key, "a single value was expected");
    }
    const char *expected = read_value((const char *)node->data.scalar.value, node->data.scalar.length, field);
    return expected ? fault_at(yaml, node, error, field->key, expected) : STATUS_OK;
}

static size_t find_field(const struct yaml_field *fields, size_t count, const yaml_node_t *key)
{
    size_t i = 0;
    while (i < count && (key->type != YAML_SCALAR_NODE ||
                         strcmp(fields[i].key, (const char *)key->data.scalar.value) != 0)) {
        i++;
    }
    return i;
}

enum status checkpoint_yaml_fields(struct checkpoint_yaml *yaml, yaml_node_t *node,
                                   const struct yaml_field *fields, size_t count, struct error *error)
{
    bool seen[FIELDS_MAX] = {false};
    if (node->type != YAML_MAPPING_NODE) {
        return fault_at(yaml, node, error, "mapping", "keys and values were expected");
    }
    for (yaml_node_pair_t *pair = node->data.mapping.pairs.start; pair < node->data.mapping.pairs.top;
         pair++) {
        yaml_node_t *key = yaml_document_get_node(&yaml->document, pair->key);
        yaml_node_t *value = yaml_document_get_node(&yaml->document, pair->value);
        size_t i = find_field(fields, count, key);
        if (i == count) {
            return fault_at(yaml, key, error,
                            key->type == YAML_SCALAR_NODE ? (const char *)key->data.scalar.value : "key",
                            "there is no such key");
        }
        if (seen[i]) {
            return fault_at(yaml, key, error, fields[i].key, "the key is there twice");
        }
        seen[i] = true;
        enum status status = checkpoint_yaml_scalar(yaml, value, &fields[i], error);
        if (status != STATUS_OK) {
            return status;
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (!seen[i]) {
            return fault_at(yaml, node, error, fields[i].key, "the key is missing");
        }
    }
    return STATUS_OK;
}

size_t checkpoint_yaml_length(const yaml_node_t *sequence)
{
    return (size_t)(sequence->data.sequence.items.top - sequence->data.sequence.items.start);
}

yaml_node_t *checkpoint_yaml_item(struct checkpoint_yaml *yaml, const yaml_node_t *sequence, size_t index)
{
    return yaml_document_get_node(&yaml->document, sequence->data.sequence.items.start[index]);
}

enum status checkpoint_yaml_version(const char *path, const char *found_format, const char *format,
                                    int version, struct error *error)
{
    if (strcmp(found_format, format) != 0) {
        return error_set(error, STATUS_DATA, path, next_step, "dail_format is \"%s\" where \"%s\" belongs",
                         found_format, format);
    }
    if (version > CHECKPOINT_VERSION) {
        return error_set(error, STATUS_DATA, path, "use a newer version of this program",
                         "version %d is newer than %d, the newest this program reads", version,
                         CHECKPOINT_VERSION);
    }
    return STATUS_OK;
}

void checkpoint_yaml_quote(FILE *file, const char *text)
{
    fputc('"', file);
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        if (*c == '"' || *c == '\\') {
            fprintf(file, "\\%c", *c);
        } else if (*c < 0x20 || *c == 0x7f) {
            fprintf(file, "\\x%02x", *c);
        } else {
            fputc(*c, file);
        }
    }
    fputc('"', file);
}
