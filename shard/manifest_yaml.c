/* A manifest's YAML, both ways. */
#include "shard/manifest.h"

#include "proto/file.h"
#include "proto/strict_yaml.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MANIFEST_BYTES_MAX ((size_t)1 << 28)

/* --- Reading --- */

static enum status read_shard(const struct strict_yaml *yaml, const yaml_node_t *node,
                              struct manifest_shard *shard, struct error *error)
{
    const struct strict_yaml_field fields[] = {
        {"file", STRICT_YAML_TEXT, &shard->file, 0, 0, 0, false},
        {"images", STRICT_YAML_UINT32, &shard->images, 0, 0, 0, false},
        {"bytes", STRICT_YAML_UINT64, &shard->bytes, 0, 0, INT64_MAX, false},
        {"crc", STRICT_YAML_UINT32, &shard->crc, 0, 0, 0, false},
        {"index", STRICT_YAML_UINT32, &shard->index, 0, 0, 0, true},
    };
    return strict_yaml_fields(yaml, node, fields, sizeof fields / sizeof *fields, error);
}

static enum status read_shards(const struct strict_yaml *yaml, const yaml_node_t *list,
                               struct manifest *manifest, struct error *error)
{
    size_t count = strict_yaml_length(list);
    manifest->shards = calloc(count + 1, sizeof *manifest->shards);
    if (!manifest->shards) {
        return error_no_memory(error, yaml->name);
    }
    manifest->shard_count = (uint32_t)count;
    enum status status = STATUS_OK;
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        status = read_shard(yaml, strict_yaml_item(yaml, list, i), &manifest->shards[i], error);
    }
    return status;
}

static enum status read_root(const struct strict_yaml *yaml, const yaml_node_t *root,
                             struct manifest *manifest, struct error *error)
{
    char format[SHARD_NAME_MAX], encoding[SHARD_NAME_MAX] = "";
    int version;
    const yaml_node_t *shards;
    const struct strict_yaml_field fields[] = {
        {"dail_format", STRICT_YAML_NAME, format, sizeof format, 0, 0, false},
        {"version", STRICT_YAML_INT, &version, 0, 1, MANIFEST_VERSION, false},
        {"name", STRICT_YAML_NAME, manifest->name, sizeof manifest->name, 0, 0, false},
        {"dataset_id", STRICT_YAML_UINT32, &manifest->dataset_id, 0, 0, 0, true},
        {"classes", STRICT_YAML_UINT32, &manifest->classes, 0, 0, 0, false},
        {"images", STRICT_YAML_UINT64, &manifest->images, 0, 0, INT64_MAX, false},
        {"image_size", STRICT_YAML_INT, &manifest->image_size, 0, 0, IMAGE_SIDE_MAX, false},
        {"encoding", STRICT_YAML_NAME, encoding, sizeof encoding, 0, 0, false},
        {"shards", STRICT_YAML_LIST, &shards, 0, 0, 0, false},
        {"class_names", STRICT_YAML_TEXT, &manifest->class_names, 0, 0, 0, true},
        {"source", STRICT_YAML_TEXT, &manifest->source, 0, 0, 0, true},
        {"fingerprint", STRICT_YAML_NAME, manifest->fingerprint, sizeof manifest->fingerprint, 0, 0, true},
    };
    enum status status = strict_yaml_version(yaml, root, "manifest", MANIFEST_VERSION, error);
    if (status == STATUS_OK) {
        status = strict_yaml_fields(yaml, root, fields, sizeof fields / sizeof *fields, error);
    }
    if (status == STATUS_OK && !shard_encoding_parse(encoding, &manifest->encoding)) {
        status = strict_yaml_fault(yaml, root, NULL, error,
                                   "encoding: expected jpeg, png or mixed, found '%.100s'", encoding);
    }
    return status == STATUS_OK ? read_shards(yaml, shards, manifest, error) : status;
}

enum status manifest_open(const char *path, struct manifest *manifest, struct error *error)
{
    const yaml_node_t *root;
    memset(manifest, 0, sizeof *manifest);
    snprintf(manifest->path, sizeof manifest->path, "%s", path);
    file_directory(path, manifest->directory);
    struct strict_yaml yaml = {.name = manifest->path,
                               .has_lines = true,
                               .status = STATUS_DATA,
                               .next = "correct the manifest, or pack the dataset again"};
    enum status status = strict_yaml_open(&yaml, MANIFEST_BYTES_MAX, &root, error);
    if (status != STATUS_OK) {
        return status;
    }
    status = read_root(&yaml, root, manifest, error);
    strict_yaml_close(&yaml);
    if (status == STATUS_OK) {
        status = manifest_is_valid(manifest, error);
    }
    if (status != STATUS_OK) {
        manifest_close(manifest);
    }
    return status;
}

/* --- Writing --- */

static void write_text(FILE *file, const char *key, const char *text)
{
    fprintf(file, "%s: ", key);
    strict_yaml_quote(file, text);
    fputc('\n', file);
}

static void write_all(FILE *file, const struct manifest *manifest)
{
    fprintf(file, "dail_format: manifest\nversion: %d\n", MANIFEST_VERSION);
    write_text(file, "name", manifest->name);
    fprintf(file, "dataset_id: %u\nclasses: %u\nimages: %llu\nimage_size: %d\nencoding: %s\n",
            manifest->dataset_id, manifest->classes, (unsigned long long)manifest->images,
            manifest->image_size, shard_encoding_name(manifest->encoding));
    if (manifest->class_names) {
        write_text(file, "class_names", manifest->class_names);
    }
    if (manifest->source) {
        write_text(file, "source", manifest->source);
    }
    if (manifest->fingerprint[0] != '\0') {
        write_text(file, "fingerprint", manifest->fingerprint);
    }
    fputs("shards:\n", file);
    for (uint32_t i = 0; i < manifest->shard_count; i++) {
        const struct manifest_shard *shard = &manifest->shards[i];
        write_text(file, "- file", shard->file);
        fprintf(file, "  images: %u\n  bytes: %llu\n  crc: %u\n", shard->images,
                (unsigned long long)shard->bytes, shard->crc);
        if (shard->index != 0) {
            fprintf(file, "  index: %u\n", shard->index);
        }
    }
}

enum status manifest_write(const struct manifest *manifest, const char *path, struct error *error)
{
    enum status status = manifest_is_valid(manifest, error);
    if (status != STATUS_OK) {
        return status;
    }
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    if (stream) {
        write_all(stream, manifest);
    }
    return file_write_printed(path, stream, &text, &size, error);
}
