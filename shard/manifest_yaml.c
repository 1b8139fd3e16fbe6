/* A manifest's YAML, both ways. */
#include "shard/manifest.h"

#include "proto/file.h"
#include "proto/yaml_depth.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#define MANIFEST_BYTES_MAX ((size_t)1 << 28)

/* --- Reading --- */

enum value_kind { VALUE_NAME, VALUE_TEXT, VALUE_NUMBER, VALUE_SHARDS };

/* One key of a mapping: where its value goes. */
struct key {
    const char *name;
    enum value_kind kind;
    int optional;
    uint64_t most; /* of a number */
    void *value; /* char[SHARD_NAME_MAX], char *, uint64_t */
    int seen;
};

struct reader {
    const char *path;
    yaml_document_t *document;
    struct manifest *manifest;
};

static enum status fault(const struct reader *reader, const yaml_node_t *node, struct error *error,
                         const char *format, const char *text)
{
    char where[1100];
    snprintf(where, sizeof where, "%s:%zu", reader->path, node->start_mark.line + 1);
    char what[400];
    snprintf(what, sizeof what, format, text);
    return error_set(error, STATUS_DATA, where, "correct the manifest, or pack the dataset again", "%s",
                     what);
}

static const char *scalar(const yaml_node_t *node)
{
    /* A text with a 0 byte within would be cut: it is not a text of ours. */
    if (node->type != YAML_SCALAR_NODE ||
        strlen((const char *)node->data.scalar.value) != node->data.scalar.length)
        return NULL;
    return (const char *)node->data.scalar.value;
}

static int parse_number(const char *text, uint64_t most, uint64_t *number)
{
    char *end;
    if (text[0] < '0' || text[0] > '9' || strlen(text) > 20)
        return 0;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    *number = value;
    return errno == 0 && *end == 0 && value <= most;
}

static enum status read_shards(const struct reader *reader, const yaml_node_t *node, struct error *error);

static enum status read_value(const struct reader *reader, const struct key *key, const yaml_node_t *node,
                              struct error *error)
{
    if (key->kind == VALUE_SHARDS)
        return read_shards(reader, node, error);
    const char *text = scalar(node);
    if (text == NULL)
        return fault(reader, node, error, "'%s' needs a single value", key->name);
    if (key->kind == VALUE_NUMBER) {
        if (!parse_number(text, key->most, key->value))
            return fault(reader, node, error, "'%s' needs a whole number in its range", key->name);
        return STATUS_OK;
    }
    if (key->kind == VALUE_NAME) {
        if (strlen(text) >= SHARD_NAME_MAX)
            return fault(reader, node, error, "'%s' is too long", key->name);
        memcpy(key->value, text, strlen(text) + 1);
        return STATUS_OK;
    }
    char **copy = key->value;
    *copy = strdup(text);
    if (*copy == NULL)
        return error_set(error, STATUS_INTERNAL, reader->path, NULL, "no memory for the manifest");
    return STATUS_OK;
}

static enum status read_mapping(const struct reader *reader, const yaml_node_t *node, struct key *keys,
                                size_t count, struct error *error)
{
    if (node->type != YAML_MAPPING_NODE)
        return fault(reader, node, error, "keys and values are expected here%s", "");
    for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start; pair < node->data.mapping.pairs.top;
         pair++) {
        const yaml_node_t *name = yaml_document_get_node(reader->document, pair->key);
        const yaml_node_t *value = yaml_document_get_node(reader->document, pair->value);
        const char *text = scalar(name);
        struct key *key = NULL;
        for (size_t i = 0; i < count && text != NULL; i++)
            if (strcmp(keys[i].name, text) == 0)
                key = &keys[i];
        if (key == NULL)
            return fault(reader, name, error, "'%.100s' is no key of a manifest", text == NULL ? "" : text);
        if (key->seen)
            return fault(reader, name, error, "'%s' is there twice", key->name);
        key->seen = 1;
        enum status status = read_value(reader, key, value, error);
        if (status != STATUS_OK)
            return status;
    }
    for (size_t i = 0; i < count; i++)
        if (!keys[i].seen && !keys[i].optional)
            return fault(reader, node, error, "'%s' is missing", keys[i].name);
    return STATUS_OK;
}

static enum status read_shard(const struct reader *reader, const yaml_node_t *node,
                              struct manifest_shard *shard, struct error *error)
{
    uint64_t images = 0, crc = 0;
    struct key keys[] = {
        {"file", VALUE_TEXT, 0, 0, &shard->file, 0},
        {"images", VALUE_NUMBER, 0, UINT32_MAX, &images, 0},
        {"bytes", VALUE_NUMBER, 0, INT64_MAX, &shard->bytes, 0},
        {"crc", VALUE_NUMBER, 0, UINT32_MAX, &crc, 0},
    };
    enum status status = read_mapping(reader, node, keys, sizeof keys / sizeof *keys, error);
    shard->images = (uint32_t)images;
    shard->crc = (uint32_t)crc;
    return status;
}

static enum status read_shards(const struct reader *reader, const yaml_node_t *node, struct error *error)
{
    struct manifest *manifest = reader->manifest;
    if (node->type != YAML_SEQUENCE_NODE)
        return fault(reader, node, error, "'%s' needs a list", "shards");
    const yaml_node_item_t *items = node->data.sequence.items.start;
    size_t count = (size_t)(node->data.sequence.items.top - items);
    manifest->shards = calloc(count + 1, sizeof *manifest->shards);
    if (manifest->shards == NULL)
        return error_set(error, STATUS_INTERNAL, reader->path, NULL, "no memory for the manifest");
    manifest->shard_count = (uint32_t)count;
    for (size_t i = 0; i < count; i++) {
        const yaml_node_t *item = yaml_document_get_node(reader->document, items[i]);
        enum status status = read_shard(reader, item, &manifest->shards[i], error);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

static enum status check_version(const struct reader *reader, const yaml_node_t *root, struct error *error)
{
    const char *format = NULL, *version = NULL;
    if (root->type == YAML_MAPPING_NODE)
        for (const yaml_node_pair_t *pair = root->data.mapping.pairs.start;
             pair < root->data.mapping.pairs.top; pair++) {
            const char *key = scalar(yaml_document_get_node(reader->document, pair->key));
            const char *value = scalar(yaml_document_get_node(reader->document, pair->value));
            if (key != NULL && strcmp(key, "dail_format") == 0)
                format = value;
            if (key != NULL && strcmp(key, "version") == 0)
                version = value;
        }
    uint64_t number = 0;
    if (format == NULL || strcmp(format, "manifest") != 0)
        return fault(reader, root, error, "this is not a manifest: dail_format is '%.100s'",
                     format == NULL ? "" : format);
    if (version == NULL || !parse_number(version, UINT32_MAX, &number) || number == 0)
        return fault(reader, root, error, "'%s' is not a version of manifests",
                     version == NULL ? "" : version);
    if (number > MANIFEST_VERSION)
        return fault(reader, root, error,
                     "this is a manifest of version %s, newer than the version 1 that this program reads",
                     version);
    return STATUS_OK;
}

static enum status read_root(const struct reader *reader, const yaml_node_t *root, struct error *error)
{
    struct manifest *manifest = reader->manifest;
    char format[SHARD_NAME_MAX], encoding[SHARD_NAME_MAX] = "";
    uint64_t version, id = 0, classes = 0, size = 0;
    struct key keys[] = {
        {"dail_format", VALUE_NAME, 0, 0, format, 0},
        {"version", VALUE_NUMBER, 0, MANIFEST_VERSION, &version, 0},
        {"name", VALUE_NAME, 0, 0, manifest->name, 0},
        {"dataset_id", VALUE_NUMBER, 0, UINT32_MAX, &id, 0},
        {"classes", VALUE_NUMBER, 0, UINT32_MAX, &classes, 0},
        {"images", VALUE_NUMBER, 0, INT64_MAX, &manifest->images, 0},
        {"image_size", VALUE_NUMBER, 0, IMAGE_SIDE_MAX, &size, 0},
        {"encoding", VALUE_NAME, 0, 0, encoding, 0},
        {"shards", VALUE_SHARDS, 0, 0, NULL, 0},
        {"class_names", VALUE_TEXT, 1, 0, &manifest->class_names, 0},
        {"source", VALUE_TEXT, 1, 0, &manifest->source, 0},
    };
    enum status status = check_version(reader, root, error);
    if (status == STATUS_OK)
        status = read_mapping(reader, root, keys, sizeof keys / sizeof *keys, error);
    if (status == STATUS_OK && !shard_encoding_parse(encoding, &manifest->encoding))
        status = fault(reader, root, error, "'encoding' is '%.100s' where jpeg, png or mixed is expected",
                       encoding);
    manifest->dataset_id = (uint32_t)id;
    manifest->classes = (uint32_t)classes;
    manifest->image_size = (int)size;
    return status;
}

static enum status parse(const char *text, size_t size, struct manifest *manifest, struct error *error)
{
    yaml_parser_t parser;
    yaml_document_t document;
    if (!yaml_depth_is_bounded(text, size))
        return error_set(error, STATUS_DATA, manifest->path,
                         "correct the manifest, or pack the dataset again", "this is not YAML: %s",
                         YAML_TOO_DEEP);
    if (!yaml_parser_initialize(&parser))
        return error_set(error, STATUS_INTERNAL, manifest->path, NULL, "no memory for the manifest");
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
    enum status status;
    if (!yaml_parser_load(&parser, &document)) {
        char where[1100];
        snprintf(where, sizeof where, "%s:%zu", manifest->path, parser.problem_mark.line + 1);
        status = error_set(error, STATUS_DATA, where, "correct the manifest, or pack the dataset again",
                           "this is not YAML: %s", parser.problem == NULL ? "no message" : parser.problem);
    } else {
        struct reader reader = {manifest->path, &document, manifest};
        const yaml_node_t *root = yaml_document_get_root_node(&document);
        status = root != NULL ? read_root(&reader, root, error)
                              : error_set(error, STATUS_DATA, manifest->path, "pack the dataset again",
                                          "the manifest is empty");
        yaml_document_delete(&document);
    }
    yaml_parser_delete(&parser);
    return status;
}

enum status manifest_open(const char *path, struct manifest *manifest, struct error *error)
{
    char *text;
    size_t size;
    memset(manifest, 0, sizeof *manifest);
    snprintf(manifest->path, sizeof manifest->path, "%s", path);
    file_directory(path, manifest->directory);
    enum status status = file_read(path, MANIFEST_BYTES_MAX, &text, &size, error);
    if (status != STATUS_OK)
        return status;
    status = parse(text, size, manifest, error);
    free(text);
    if (status == STATUS_OK)
        status = manifest_is_valid(manifest, error);
    if (status != STATUS_OK)
        manifest_close(manifest);
    return status;
}

/* --- Writing --- */

/* Whether YAML can hold the text as it is: a file name may be any bytes. */
static bool is_utf8(const char *text)
{
    for (const unsigned char *c = (const unsigned char *)text; *c != 0; c++) {
        int more = *c < 0x80 ? 0 : *c >= 0xc2 && *c < 0xe0 ? 1 : *c >= 0xe0 && *c < 0xf0 ? 2 : 3;
        if ((*c >= 0x80 && *c < 0xc2) || *c > 0xf4)
            return false;
        for (unsigned lead = *c; more > 0; more--, lead = 0) {
            c++;
            bool bad = (lead == 0xe0 && *c < 0xa0) || (lead == 0xed && *c > 0x9f) ||
                       (lead == 0xf0 && *c < 0x90) || (lead == 0xf4 && *c > 0x8f);
            if ((*c & 0xc0) != 0x80 || bad)
                return false;
        }
    }
    return true;
}

/* A text in double quotes, so that nothing in it means anything to YAML. */
static void write_text(FILE *file, const char *key, const char *text)
{
    fprintf(file, "%s: \"", key);
    bool ascii = !is_utf8(text);
    for (const unsigned char *c = (const unsigned char *)text; *c != 0; c++) {
        if (*c == '"' || *c == '\\')
            fprintf(file, "\\%c", *c);
        else if (*c < 32 || *c == 127 || (ascii && *c > 127))
            fprintf(file, "\\x%02x", *c);
        else
            fputc(*c, file);
    }
    fputs("\"\n", file);
}

static void write_all(FILE *file, const struct manifest *manifest)
{
    fprintf(file, "dail_format: manifest\nversion: %d\n", MANIFEST_VERSION);
    write_text(file, "name", manifest->name);
    fprintf(file, "dataset_id: %u\nclasses: %u\nimages: %llu\nimage_size: %d\nencoding: %s\n",
            manifest->dataset_id, manifest->classes, (unsigned long long)manifest->images,
            manifest->image_size, shard_encoding_name(manifest->encoding));
    if (manifest->class_names != NULL)
        write_text(file, "class_names", manifest->class_names);
    if (manifest->source != NULL)
        write_text(file, "source", manifest->source);
    fputs("shards:\n", file);
    for (uint32_t i = 0; i < manifest->shard_count; i++) {
        const struct manifest_shard *shard = &manifest->shards[i];
        write_text(file, "- file", shard->file);
        fprintf(file, "  images: %u\n  bytes: %llu\n  crc: %u\n", shard->images,
                (unsigned long long)shard->bytes, shard->crc);
    }
}

enum status manifest_write(const struct manifest *manifest, const char *path, struct error *error)
{
    enum status status = manifest_is_valid(manifest, error);
    if (status != STATUS_OK)
        return status;
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    if (stream != NULL)
        write_all(stream, manifest);
    bool failed = stream == NULL || ferror(stream) != 0;
    if (stream != NULL && fclose(stream) != 0)
        failed = true;
    status = failed ? error_set(error, STATUS_INTERNAL, path, NULL, "no memory to write the manifest")
                    : file_write_atomic(path, text, size, error);
    free(text);
    return status;
}
