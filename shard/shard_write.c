#include "shard/shard.h"

#include "proto/output.h"
#include "shard/hdf5/hdf5.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

/* Bytes of /image are collected until a whole chunk is there: every write to the file is one large piece. */
#define CHUNK ((size_t)1 << 20)

struct shard_writer {
    struct shard state;
    struct output output;
    enum image_encoding wanted;
    uint32_t capacity; /* of the index */
    struct h5_file file;
    struct h5_array image;
    size_t collected;
    uint8_t chunk[CHUNK];
};

const struct shard *shard_writer_state(const struct shard_writer *writer)
{
    return &writer->state;
}

static enum status grow(struct shard_writer *writer, struct error *error)
{
    struct shard *state = &writer->state;
    size_t capacity = writer->capacity == 0 ? 1024 : (size_t)writer->capacity * 2;
    uint64_t *offset = realloc(state->offset, (capacity + 1) * sizeof *offset);
    if (offset) {
        state->offset = offset;
    }
    uint32_t *label = realloc(state->label, capacity * sizeof *label);
    if (label) {
        state->label = label;
    }
    uint32_t *crc = realloc(state->crc, capacity * sizeof *crc);
    if (crc) {
        state->crc = crc;
    }
    if (!offset || !label || !crc || capacity > UINT32_MAX) {
        return error_set(error, STATUS_INTERNAL, state->path, "make the shards smaller",
                         "no memory for the index of more than %u images", state->images);
    }
    writer->capacity = (uint32_t)capacity;
    state->offset[state->images] = state->bytes;
    return STATUS_OK;
}

enum status shard_writer_create(const char *path, const char *dataset, uint32_t dataset_id, uint32_t shard,
                                uint32_t shards, uint32_t classes, enum image_encoding encoding,
                                struct shard_writer **result, struct error *error)
{
    *result = NULL;
    struct shard_writer *writer = calloc(1, sizeof *writer);
    if (!writer) {
        return error_no_memory(error, path);
    }
    struct shard *state = &writer->state;
    state->descriptor = -1;
    state->dataset_id = dataset_id;
    state->shard = shard;
    state->shards = shards;
    state->classes = classes;
    writer->wanted = encoding;
    snprintf(state->path, sizeof state->path, "%s", path);
    snprintf(state->dataset, sizeof state->dataset, "%s", dataset);
    enum status status = STATUS_OK;
    if (strlen(path) >= sizeof state->path || strlen(dataset) >= SHARD_NAME_MAX) {
        status = error_set(error, STATUS_USAGE, path, "use a shorter path and name", "the path is too long");
    }
    if (status == STATUS_OK) {
        status = output_prepare(&writer->output, path, error);
    }
    if (status == STATUS_OK) {
        status = grow(writer, error);
    }
    if (status == STATUS_OK) {
        status = h5_create_file(writer->output.written, &writer->file, error);
    }
    if (status == STATUS_OK) {
        status = h5_create_array(&writer->file, "/image", H5_TYPE_U8, 1, &(uint64_t){0}, CHUNK,
                                 &writer->image, error);
    }
    if (status != STATUS_OK) {
        shard_writer_abandon(writer);
        return status;
    }
    *result = writer;
    return STATUS_OK;
}

static enum status flush(struct shard_writer *writer, struct error *error)
{
    size_t collected = writer->collected;
    writer->collected = 0;
    return h5_append_rows(&writer->image, collected, writer->chunk, error);
}

static enum status collect(struct shard_writer *writer, const uint8_t *bytes, size_t size,
                           struct error *error)
{
    enum status status = STATUS_OK;
    while (size > 0 && status == STATUS_OK) {
        size_t count = CHUNK - writer->collected < size ? CHUNK - writer->collected : size;
        memcpy(writer->chunk + writer->collected, bytes, count);
        writer->collected += count;
        bytes += count;
        size -= count;
        if (writer->collected == CHUNK) {
            status = flush(writer, error);
        }
    }
    return status;
}

static enum status check_encoding(struct shard_writer *writer, const uint8_t *bytes, size_t size,
                                  struct error *error)
{
    struct shard *state = &writer->state;
    enum image_encoding encoding = image_sniff(bytes, size);
    if ((encoding != IMAGE_JPEG && encoding != IMAGE_PNG) ||
        (writer->wanted != IMAGE_UNKNOWN && encoding != writer->wanted)) {
        return error_set(error, STATUS_DATA, state->path, NULL, "image %u is not %s", state->images,
                         writer->wanted == IMAGE_JPEG  ? "JPEG"
                         : writer->wanted == IMAGE_PNG ? "PNG"
                                                       : "JPEG or PNG");
    }
    if (state->images == 0) {
        state->encoding = encoding;
    } else if (state->encoding != encoding) {
        state->encoding = IMAGE_UNKNOWN;
    }
    return STATUS_OK;
}

enum status shard_writer_append(struct shard_writer *writer, const uint8_t *bytes, size_t size,
                                uint32_t label, struct error *error)
{
    struct shard *state = &writer->state;
    if (size == 0 || size > SHARD_IMAGE_BYTES_MAX || label >= state->classes) {
        return error_set(error, STATUS_DATA, state->path, NULL,
                         "an image of %zu bytes with label %u cannot be in a shard of %u classes", size,
                         label, state->classes);
    }
    enum status status = check_encoding(writer, bytes, size, error);
    if (status == STATUS_OK && state->images == writer->capacity) {
        status = grow(writer, error);
    }
    if (status == STATUS_OK) {
        status = collect(writer, bytes, size, error);
    }
    if (status != STATUS_OK) {
        return status;
    }
    state->label[state->images] = label;
    state->crc[state->images] = (uint32_t)crc32_z(crc32_z(0, NULL, 0), bytes, size);
    state->bytes += size;
    state->offset[++state->images] = state->bytes;
    return STATUS_OK;
}

static enum status write_index(struct shard_writer *writer, struct error *error)
{
    struct shard *state = &writer->state;
    struct h5_file *file = &writer->file;
    uint64_t n = state->images, offsets = n + 1;
    enum status status = h5_write_array(file, "/offset", H5_TYPE_U64, 1, &offsets, state->offset, error);
    if (status == STATUS_OK) {
        status = h5_write_array(file, "/label", H5_TYPE_U32, 1, &n, state->label, error);
    }
    if (status == STATUS_OK) {
        status = h5_write_array(file, "/crc", H5_TYPE_U32, 1, &n, state->crc, error);
    }
    return status;
}

static enum status write_attributes(struct shard_writer *writer, struct error *error)
{
    const struct shard *state = &writer->state;
    struct h5_file *file = &writer->file;
    const struct {
        const char *name;
        uint64_t value;
    } numbers[] = {{"version", SHARD_VERSION},
                   {"dataset_id", state->dataset_id},
                   {"shard", state->shard},
                   {"shards", state->shards},
                   {"classes", state->classes}};
    enum status status = h5_set_string(file, "/", "dail_format", "shard", error);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers && status == STATUS_OK; i++) {
        status = h5_set_uint(file, "/", numbers[i].name, numbers[i].value, error);
    }
    if (status == STATUS_OK) {
        status = h5_set_string(file, "/", "dataset", state->dataset, error);
    }
    if (status == STATUS_OK) {
        status = h5_set_string(file, "/", "encoding", shard_encoding_name(state->encoding), error);
    }
    return status;
}

enum status shard_writer_finish(struct shard_writer *writer, uint64_t *file_bytes, uint32_t *file_crc_value,
                                struct error *error)
{
    enum status status = shard_is_valid(&writer->state, error);
    if (status == STATUS_OK) {
        status = flush(writer, error);
    }
    if (status == STATUS_OK) {
        status = write_index(writer, error);
    }
    if (status == STATUS_OK) {
        status = write_attributes(writer, error);
    }
    if (status == STATUS_OK) {
        status = h5_close_array(&writer->image, error);
    }
    if (status == STATUS_OK) {
        status = h5_close_file(&writer->file, error);
    }
    if (status == STATUS_OK) {
        status = file_crc(writer->output.written, FILE_LINKS_REFUSED, file_bytes, file_crc_value, error);
    }
    status = output_close(&writer->output, status, error);
    shard_writer_abandon(writer);
    return status;
}

void shard_writer_abandon(struct shard_writer *writer)
{
    if (!writer) {
        return;
    }
    h5_close_array(&writer->image, NULL);
    h5_close_file(&writer->file, NULL);
    output_close(&writer->output, STATUS_STORAGE, NULL);
    shard_close(&writer->state);
    free(writer);
}
