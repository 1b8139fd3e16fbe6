#include "worker/evaluate/embeddings.h"

#include "proto/output.h"
#include "shard/hdf5/hdf5.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Rows that are written at once. */
#define ROWS 256
#define NAME_CHUNK 65536

struct embeddings_writer {
    char path[PATH_SIZE];
    struct output output;
    struct embeddings_config config;
    size_t embedding;
    struct h5_file file;
    struct h5_array rows, name, name_offset, label; /* label stays closed where there are none */
    size_t waiting; /* rows not yet written */
    float *values; /* [ROWS][embedding] */
    uint32_t labels[ROWS];
    uint64_t offsets[ROWS]; /* where the names end */
    uint64_t names_end;
    char names[ROWS * sizeof((struct sourced_image *)0)->name];
    size_t names_size; /* bytes in names */
};

static enum status write_attributes(struct embeddings_writer *writer, struct error *error)
{
    struct h5_file *file = &writer->file;
    const struct embeddings_config *config = &writer->config;
    const struct checkpoint_state *state = &config->backbone->state;
    const struct {
        const char *name, *value;
    } texts[] = {{"dail_format", "embeddings"},
                 {"checkpoint", config->backbone->path},
                 {"arch", state->network.arch},
                 {"source", config->source_path}};
    const struct {
        const char *name;
        uint64_t value;
    } numbers[] = {{"version", EMBEDDINGS_VERSION},
                   {"step", (uint64_t)state->step},
                   {"input", (uint64_t)state->network.input},
                   {"normalized", config->normalized},
                   {"mirrored", config->mirrored}};
    enum status status = STATUS_OK;
    for (size_t i = 0; i < sizeof texts / sizeof *texts && status == STATUS_OK; i++) {
        status = h5_set_string(file, "/", texts[i].name, texts[i].value, error);
    }
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers && status == STATUS_OK; i++) {
        status = h5_set_uint(file, "/", numbers[i].name, numbers[i].value, error);
    }
    return status;
}

static enum status create_arrays(struct embeddings_writer *writer, struct error *error)
{
    struct h5_file *file = &writer->file;
    const uint64_t rows[2] = {0, writer->embedding}, none = 0, zero = 0;
    enum status status =
        h5_create_array(file, "/embedding", H5_TYPE_F32, 2, rows, ROWS, &writer->rows, error);
    if (status == STATUS_OK) {
        status = h5_create_array(file, "/name", H5_TYPE_U8, 1, &none, NAME_CHUNK, &writer->name, error);
    }
    if (status == STATUS_OK) {
        status = h5_create_array(file, "/name_offset", H5_TYPE_U64, 1, &none, ROWS * 16, &writer->name_offset,
                                 error);
    }
    if (status == STATUS_OK) {
        status = h5_append_rows(&writer->name_offset, 1, &zero, error);
    }
    if (status == STATUS_OK && image_source_classes(writer->config.source) > 0) {
        status = h5_create_array(file, "/label", H5_TYPE_U32, 1, &none, ROWS * 16, &writer->label, error);
    }
    return status;
}

/* All names end to end, and where each ends. */
static enum status write_identities(struct embeddings_writer *writer, struct error *error)
{
    const struct image_source *source = writer->config.source;
    uint64_t classes = image_source_classes(source), bytes = 0, offsets = classes + 1;
    if (classes == 0 || !image_source_identity(source, 0)) {
        return STATUS_OK;
    }
    for (uint32_t label = 0; label < classes; label++) {
        bytes += strlen(image_source_identity(source, label));
    }
    char *names = malloc((size_t)bytes + 1);
    uint64_t *offset = calloc((size_t)offsets, sizeof *offset);
    enum status status = STATUS_OK;
    if (!names || !offset) {
        status = error_no_memory(error, writer->path);
    }
    for (uint32_t label = 0; label < classes && status == STATUS_OK; label++) {
        const char *name = image_source_identity(source, label);
        size_t length = strlen(name);
        memcpy(names + offset[label], name, length);
        offset[label + 1] = offset[label] + length;
    }
    if (status == STATUS_OK) {
        status = h5_write_array(&writer->file, "/identity", H5_TYPE_U8, 1, &bytes, names, error);
    }
    if (status == STATUS_OK) {
        status = h5_write_array(&writer->file, "/identity_offset", H5_TYPE_U64, 1, &offsets, offset, error);
    }
    free(names);
    free(offset);
    return status;
}

static enum status write_pairs(struct embeddings_writer *writer, struct error *error)
{
    const struct pairs *pairs = image_source_pairs(writer->config.source);
    if (!pairs) {
        return STATUS_OK;
    }
    const uint64_t count = pairs->count, pair[2] = {count, 2};
    enum status status = h5_write_array(&writer->file, "/pair", H5_TYPE_U32, 2, pair, pairs->pair, error);
    if (status == STATUS_OK) {
        status = h5_write_array(&writer->file, "/same", H5_TYPE_U8, 1, &count, pairs->same, error);
    }
    if (status == STATUS_OK) {
        status = h5_write_array(&writer->file, "/fold", H5_TYPE_U8, 1, &count, pairs->fold, error);
    }
    return status;
}

static enum status begin(struct embeddings_writer *writer, struct error *error)
{
    writer->values = malloc(ROWS * writer->embedding * sizeof *writer->values);
    if (!writer->values) {
        return error_no_memory(error, writer->path);
    }
    enum status status = output_prepare(&writer->output, writer->path, error);
    if (status == STATUS_OK) {
        status = h5_create_file(writer->output.written, &writer->file, error);
    }
    if (status == STATUS_OK) {
        status = write_attributes(writer, error);
    }
    if (status == STATUS_OK) {
        status = create_arrays(writer, error);
    }
    if (status == STATUS_OK) {
        status = write_identities(writer, error);
    }
    return status == STATUS_OK ? write_pairs(writer, error) : status;
}

enum status embeddings_create(const char *path, const struct embeddings_config *config,
                              struct embeddings_writer **result, struct error *error)
{
    *result = NULL;
    struct embeddings_writer *writer = calloc(1, sizeof *writer);
    if (!writer) {
        return error_no_memory(error, path);
    }
    writer->config = *config;
    writer->embedding = (size_t)iresnet_embedding(config->backbone->net);
    snprintf(writer->path, sizeof writer->path, "%s", path);
    enum status status = begin(writer, error);
    if (status != STATUS_OK) {
        embeddings_abandon(writer);
        return status;
    }
    *result = writer;
    return STATUS_OK;
}

static enum status flush(struct embeddings_writer *writer, struct error *error)
{
    if (writer->waiting == 0) {
        return STATUS_OK;
    }
    enum status status = h5_append_rows(&writer->rows, writer->waiting, writer->values, error);
    if (status == STATUS_OK) {
        status = h5_append_rows(&writer->name, writer->names_size, writer->names, error);
    }
    if (status == STATUS_OK) {
        status = h5_append_rows(&writer->name_offset, writer->waiting, writer->offsets, error);
    }
    if (status == STATUS_OK && image_source_classes(writer->config.source) > 0) {
        status = h5_append_rows(&writer->label, writer->waiting, writer->labels, error);
    }
    writer->waiting = 0;
    writer->names_size = 0;
    return status;
}

enum status embeddings_append(struct embeddings_writer *writer, const float *values,
                              const struct sourced_image *image, struct error *error)
{
    size_t row = writer->waiting++, length = strlen(image->name);
    memcpy(writer->values + row * writer->embedding, values, writer->embedding * sizeof *values);
    memcpy(writer->names + writer->names_size, image->name, length);
    writer->names_size += length;
    writer->names_end += length;
    writer->offsets[row] = writer->names_end;
    writer->labels[row] = image->label;
    return writer->waiting == ROWS ? flush(writer, error) : STATUS_OK;
}

static enum status close_arrays(struct embeddings_writer *writer, struct error *error)
{
    struct h5_array *arrays[] = {&writer->rows, &writer->name, &writer->name_offset, &writer->label};
    enum status status = STATUS_OK;
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) {
        enum status closed = h5_close_array(arrays[i], status == STATUS_OK ? error : NULL);
        status = status == STATUS_OK ? closed : status;
    }
    enum status closed = h5_close_file(&writer->file, status == STATUS_OK ? error : NULL);
    return status == STATUS_OK ? closed : status;
}

static void release(struct embeddings_writer *writer)
{
    free(writer->values);
    free(writer);
}

void embeddings_abandon(struct embeddings_writer *writer)
{
    if (!writer) {
        return;
    }
    close_arrays(writer, NULL);
    output_close(&writer->output, STATUS_STORAGE, NULL);
    release(writer);
}

enum status embeddings_finish(struct embeddings_writer *writer, struct error *error)
{
    enum status status = flush(writer, error);
    enum status closed = close_arrays(writer, status == STATUS_OK ? error : NULL);
    status = status == STATUS_OK ? closed : status;
    status = output_close(&writer->output, status, error);
    release(writer);
    return status;
}
