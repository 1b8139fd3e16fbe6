#include "worker/interchange/safetensors.h"

#include "proto/output.h"

#include <endian.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The header is filled up with blanks so that the arrays begin at a multiple of this. */
#define ALIGNMENT 8
/* Elements that are converted at once. */
#define PIECE 8192

struct safetensors_writer {
    char path[PATH_SIZE];
    struct output output;
    uint64_t left; /* bytes still to be appended */
};

static json_t *describe(const struct safetensors_array *array, uint64_t *end)
{
    json_t *shape = json_array();
    uint64_t begin = *end, count = 1;
    for (int d = 0; d < array->rank; d++) {
        count *= array->shape[d];
        if (json_array_append_new(shape, json_integer((json_int_t)array->shape[d])) != 0) {
            json_decref(shape);
            return NULL;
        }
    }
    *end += count * (array->type == SAFETENSORS_F32 ? sizeof(float) : sizeof(int64_t));
    return json_pack("{s:s, s:o, s:[I, I]}", "dtype", array->type == SAFETENSORS_F32 ? "F32" : "I64", "shape",
                     shape, "data_offsets", (json_int_t)begin, (json_int_t)*end);
}

/* The header's text; NULL when memory runs out. *bytes: of all arrays. */
static char *make_header(const struct safetensors_array *arrays, size_t count,
                         const char *const (*metadata)[2], size_t metadata_count, uint64_t *bytes)
{
    json_t *header = json_object(), *texts = json_object();
    bool whole = header && texts;
    for (size_t i = 0; i < metadata_count && whole; i++) {
        whole = json_object_set_new(texts, metadata[i][0], json_string(metadata[i][1])) == 0;
    }
    whole = whole && json_object_set(header, "__metadata__", texts) == 0;
    *bytes = 0;
    for (size_t i = 0; i < count && whole; i++) {
        whole = json_object_set_new(header, arrays[i].name, describe(&arrays[i], bytes)) == 0;
    }
    char *text = whole ? json_dumps(header, JSON_COMPACT) : NULL;
    json_decref(texts);
    json_decref(header);
    return text;
}

static enum status write_header(struct safetensors_writer *writer, const char *header, struct error *error)
{
    size_t length = strlen(header), blanks = (ALIGNMENT - length % ALIGNMENT) % ALIGNMENT;
    const uint64_t coded = htole64(length + blanks);
    enum status status = file_write_all(writer->output.descriptor, &coded, sizeof coded, writer->path, error);
    if (status == STATUS_OK) {
        status = file_write_all(writer->output.descriptor, header, length, writer->path, error);
    }
    return status == STATUS_OK
               ? file_write_all(writer->output.descriptor, "        ", blanks, writer->path, error)
               : status;
}

static enum status begin(struct safetensors_writer *writer, const char *header, struct error *error)
{
    enum status status = output_open(&writer->output, writer->path, error);
    return status == STATUS_OK ? write_header(writer, header, error) : status;
}

enum status safetensors_create(const char *path, const struct safetensors_array *arrays, size_t count,
                               const char *const (*metadata)[2], size_t metadata_count,
                               struct safetensors_writer **result, struct error *error)
{
    *result = NULL;
    struct safetensors_writer *writer = calloc(1, sizeof *writer);
    uint64_t bytes = 0;
    char *header = make_header(arrays, count, metadata, metadata_count, &bytes);
    enum status status = STATUS_OK;
    if (!writer || !header) {
        free(writer);
        free(header);
        return error_no_memory(error, path);
    }
    snprintf(writer->path, sizeof writer->path, "%s", path);
    writer->left = bytes;
    status = begin(writer, header, error);
    free(header);
    if (status != STATUS_OK) {
        safetensors_abandon(writer);
        return status;
    }
    *result = writer;
    return STATUS_OK;
}

static enum status append(struct safetensors_writer *writer, const void *bytes, size_t size,
                          struct error *error)
{
    if (size > writer->left) {
        return error_set(error, STATUS_INTERNAL, writer->path, NULL, "more values than were announced");
    }
    writer->left -= size;
    return file_write_all(writer->output.descriptor, bytes, size, writer->path, error);
}

enum status safetensors_append_floats(struct safetensors_writer *writer, const float *values, size_t count,
                                      struct error *error)
{
    uint32_t piece[PIECE];
    enum status status = STATUS_OK;
    for (size_t done = 0; done < count && status == STATUS_OK; done += PIECE) {
        size_t part = count - done < PIECE ? count - done : PIECE;
        memcpy(piece, values + done, part * sizeof *piece);
        for (size_t i = 0; i < part; i++) {
            piece[i] = htole32(piece[i]);
        }
        status = append(writer, piece, part * sizeof *piece, error);
    }
    return status;
}

enum status safetensors_append_integers(struct safetensors_writer *writer, const int64_t *values,
                                        size_t count, struct error *error)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        const uint64_t coded = htole64((uint64_t)values[i]);
        status = append(writer, &coded, sizeof coded, error);
    }
    return status;
}

void safetensors_abandon(struct safetensors_writer *writer)
{
    if (!writer) {
        return;
    }
    output_close(&writer->output, STATUS_STORAGE, NULL);
    free(writer);
}

enum status safetensors_finish(struct safetensors_writer *writer, struct error *error)
{
    enum status status = STATUS_OK;
    if (writer->left > 0) {
        status = error_set(error, STATUS_INTERNAL, writer->path, NULL, "fewer values than were announced");
    }
    status = output_close(&writer->output, status, error);
    safetensors_abandon(writer);
    return status;
}
