#include "worker/evaluate/embeddings_file.h"

#include "worker/evaluate/embeddings.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EMBEDDING_MOST 65536
#define BYTES_MOST ((uint64_t)1 << 36)

/* Texts end to end in `name`, offsets in `name_offset`: checked, so that each lies within. */
static enum status read_texts(const struct embeddings_file *file, const char *name, uint64_t count,
                              uint8_t **text, uint64_t **offset, struct error *error)
{
    char offsets[64];
    uint64_t bytes = 0, found = 0;
    void *data = NULL;
    snprintf(offsets, sizeof offsets, "%s_offset", name);
    enum status status = h5_read_vector(&file->file, name, H5_TYPE_U8, BYTES_MOST, &data, &bytes, error);
    *text = data;
    data = NULL;
    if (status == STATUS_OK) {
        status = h5_read_vector(&file->file, offsets, H5_TYPE_U64, count + 1, &data, &found, error);
        *offset = data;
    }
    bool sound = status == STATUS_OK && found == count + 1 && (*offset)[count] <= bytes;
    for (uint64_t i = 0; sound && i < count; i++) {
        sound = (*offset)[i] <= (*offset)[i + 1];
    }
    return status != STATUS_OK || sound ? status
                                        : error_set(error, STATUS_DATA, file->path, "embed the images again",
                                                    "%s does not fit %s", offsets, name);
}

static enum status read_identities(struct embeddings_file *file, struct error *error)
{
    enum h5_kind kind;
    uint8_t *text = NULL;
    uint64_t *offset = NULL;
    enum status status = h5_kind_of(&file->file, "/identity", &kind, error);
    if (status != STATUS_OK || kind != H5_KIND_ARRAY) {
        return status;
    }
    uint64_t dims[H5_RANK_MAX];
    enum h5_type type;
    int rank;
    status = h5_read_array_shape(&file->file, "/identity_offset", &type, &rank, dims, error);
    if (status == STATUS_OK && (rank != 1 || dims[0] < (uint64_t)file->classes + 1 || dims[0] > UINT32_MAX)) {
        status = error_set(error, STATUS_DATA, file->path, "embed the images again",
                           "/identity_offset does not fit the labels");
    }
    if (status == STATUS_OK) {
        file->classes = (uint32_t)dims[0] - 1;
        status = read_texts(file, "/identity", file->classes, &text, &offset, error);
    }
    if (status == STATUS_OK) {
        file->identities = calloc((size_t)file->classes + 1, sizeof *file->identities);
        status = file->identities ? STATUS_OK : error_no_memory(error, file->path);
    }
    for (uint32_t i = 0; i < file->classes && status == STATUS_OK; i++) {
        file->identities[i] = strndup((const char *)text + offset[i], (size_t)(offset[i + 1] - offset[i]));
        status = file->identities[i] ? STATUS_OK : error_no_memory(error, file->path);
    }
    free(text);
    free(offset);
    return status;
}

/* Of a verification set: which rows make a pair. */
static enum status read_pairs(struct embeddings_file *file, struct error *error)
{
    void *same = NULL;
    enum status status =
        h5_read_vector(&file->file, "/same", H5_TYPE_U8, UINT32_MAX, &same, &file->pairs, error);
    file->same = same;
    if (status == STATUS_OK) {
        file->pair = malloc((size_t)(2 * file->pairs + 1) * sizeof *file->pair);
        status = file->pair ? h5_read_array(&file->file, "/pair", H5_TYPE_U32, 2,
                                            (const uint64_t[]){file->pairs, 2}, file->pair, error)
                            : error_no_memory(error, file->path);
    }
    for (uint64_t i = 0; i < 2 * file->pairs && status == STATUS_OK; i++) {
        if (file->pair[i] >= file->rows) {
            status = error_set(error, STATUS_DATA, file->path, "embed the set again",
                               "pair %llu is of no image", (unsigned long long)(i / 2));
        }
    }
    return status;
}

static enum status read_labels(struct embeddings_file *file, struct error *error)
{
    enum h5_kind kind;
    enum status status = h5_kind_of(&file->file, "/label", &kind, error);
    if (status == STATUS_OK && kind != H5_KIND_ARRAY) {
        status = h5_kind_of(&file->file, "/pair", &kind, error);
        return status == STATUS_OK && kind == H5_KIND_ARRAY ? read_pairs(file, error) : status;
    }
    if (status == STATUS_OK) {
        file->label = malloc((size_t)(file->rows + 1) * sizeof *file->label);
        status = file->label
                     ? h5_read_array(&file->file, "/label", H5_TYPE_U32, 1, &file->rows, file->label, error)
                     : error_no_memory(error, file->path);
    }
    for (uint64_t i = 0; i < file->rows && status == STATUS_OK; i++) {
        if (file->label[i] == UINT32_MAX) {
            status = error_set(error, STATUS_DATA, file->path, "embed the images again",
                               "label %llu is not one", (unsigned long long)i);
        } else if (file->label[i] >= file->classes) {
            file->classes = file->label[i] + 1;
        }
    }
    return status;
}

enum status embeddings_file_open(const char *path, struct embeddings_file *file, struct error *error)
{
    *file = (struct embeddings_file){0};
    snprintf(file->path, sizeof file->path, "%s", path);
    enum status status = h5_open_file(path, &file->file, error);
    if (status == STATUS_OK) {
        status = h5_check_format(&file->file, "embeddings", EMBEDDINGS_VERSION, error);
    }
    if (status == STATUS_OK) {
        status = h5_get_string(&file->file, "/", "source", file->source, sizeof file->source, error);
    }
    if (status == STATUS_OK) {
        status = h5_open_array(&file->file, "/embedding", &file->values, error);
    }
    if (status == STATUS_OK && (file->values.rank != 2 || file->values.type != H5_TYPE_F32 ||
                                file->values.dims[1] == 0 || file->values.dims[1] > EMBEDDING_MOST)) {
        status = error_set(error, STATUS_DATA, path, "embed the images again",
                           "/embedding is no table of float32");
    }
    if (status == STATUS_OK) {
        file->rows = file->values.dims[0];
        file->embedding = (size_t)file->values.dims[1];
        status = read_labels(file, error);
    }
    if (status == STATUS_OK) {
        status = read_identities(file, error);
    }
    if (status == STATUS_OK) {
        status = read_texts(file, "/name", file->rows, &file->names, &file->name_offset, error);
    }
    return status;
}

void embeddings_file_close(struct embeddings_file *file)
{
    for (uint32_t i = 0; file->identities && i < file->classes; i++) {
        free(file->identities[i]);
    }
    free(file->identities);
    free(file->label);
    free(file->pair);
    free(file->same);
    free(file->names);
    free(file->name_offset);
    h5_close_array(&file->values, NULL);
    h5_close_file(&file->file, NULL);
    *file = (struct embeddings_file){0};
}

enum status embeddings_file_read(const struct embeddings_file *file, uint64_t begin, uint64_t count,
                                 float *values, struct error *error)
{
    enum status status = h5_read_rows(&file->values, begin, count, values, error);
    for (uint64_t i = 0; i < count * file->embedding && status == STATUS_OK; i++) {
        if (!isfinite(values[i])) {
            status = error_set(error, STATUS_NUMERIC, file->path, "embed with another model",
                               "the embedding of image %llu is not finite",
                               (unsigned long long)(begin + i / file->embedding));
        }
    }
    return status;
}

void embeddings_file_name(const struct embeddings_file *file, uint64_t row, char *text, size_t size)
{
    const uint64_t begin = file->name_offset[row], end = file->name_offset[row + 1];
    snprintf(text, size, "%.*s", (int)(end - begin < size ? end - begin : size),
             (const char *)file->names + begin);
}

void embedded_dataset_name(const char *path, char *name, size_t size)
{
    static const char *const endings[] = {".yaml", ".h5"};
    size_t end = strlen(path);
    while (end > 1 && path[end - 1] == '/') {
        end--;
    }
    size_t begin = end;
    while (begin > 0 && path[begin - 1] != '/') {
        begin--;
    }
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        const size_t length = strlen(endings[i]);
        if (end - begin > length && strncmp(path + end - length, endings[i], length) == 0) {
            end -= length;
        }
    }
    snprintf(name, size, "%.*s", (int)(end - begin), path + begin);
}
