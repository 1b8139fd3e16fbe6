/* classifier-<dataset>.<part>-of-<parts>.h5: class rows and their momenta. */
#include "proto/file.h"
#include "worker/checkpoint/checkpoint.h"
#include "worker/checkpoint/checkpoint_file.h"

#include "shard/hdf5/hdf5.h"

#include <stdio.h>

static enum status write_rows(struct h5_file *file, uint32_t classes, int embedding,
                              const struct classifier_block *block, struct error *error)
{
    uint64_t dims[2] = {block->row_end - block->row_begin, (uint64_t)embedding};
    enum status status = h5_set_string(file, "/", "dail_format", "classifier", error);
    if (status == STATUS_OK) {
        status = h5_set_uint(file, "/", "version", CHECKPOINT_VERSION, error);
    }
    if (status == STATUS_OK) {
        status = h5_set_uint(file, "/", "row_begin", block->row_begin, error);
    }
    if (status == STATUS_OK) {
        status = h5_set_uint(file, "/", "row_end", block->row_end, error);
    }
    if (status == STATUS_OK) {
        status = h5_set_uint(file, "/", "classes", classes, error);
    }
    if (status == STATUS_OK) {
        status = h5_write_array(file, "/weight", H5_TYPE_F32, 2, dims, block->weight, error);
    }
    return status == STATUS_OK
               ? h5_write_array(file, "/momentum", H5_TYPE_F32, 2, dims, block->momentum, error)
               : status;
}

enum status checkpoint_write_classifier(const char *directory, const char *dataset, uint32_t classes,
                                        int embedding, const struct classifier_block *block,
                                        struct checkpoint_part *part, struct error *error)
{
    char name[sizeof part->file], path[PATH_SIZE];
    struct h5_file file = {0};
    enum status status = checkpoint_name_classifier(directory, dataset, (uint32_t)block->part + 1,
                                                    (uint32_t)block->parts, name, sizeof name, error);
    if (status == STATUS_OK) {
        status = file_join(directory, name, path, error);
    }
    if (status == STATUS_OK) {
        uint64_t values = (uint64_t)(block->row_end - block->row_begin) * (uint64_t)embedding;
        status = checkpoint_try_space(path, 2 * sizeof(float) * values, error);
    }
    if (status != STATUS_OK) {
        return status;
    }
    status = h5_create_file(path, &file, error);
    if (status == STATUS_OK) {
        status = write_rows(&file, classes, embedding, block, error);
    }
    return checkpoint_close_part(&file, directory, name, status, part, error);
}

/* Where the rows of a part belong; checked against what is known of the dataset. */
static enum status read_range(const struct h5_file *file, const struct checkpoint_dataset *dataset,
                              uint32_t expected_begin, uint32_t *end, struct error *error)
{
    uint64_t begin = 0, stop = 0, classes = 0;
    enum status status = h5_check_format(file, "classifier", CHECKPOINT_VERSION, error);
    if (status == STATUS_OK) {
        status = h5_get_uint(file, "/", "row_begin", UINT32_MAX, &begin, error);
    }
    if (status == STATUS_OK) {
        status = h5_get_uint(file, "/", "row_end", UINT32_MAX, &stop, error);
    }
    if (status == STATUS_OK) {
        status = h5_get_uint(file, "/", "classes", UINT32_MAX, &classes, error);
    }
    if (status != STATUS_OK) {
        return status;
    }
    if (classes != dataset->classes || begin != expected_begin || stop < begin || stop > classes) {
        return error_set(error, STATUS_DATA, file->path,
                         "the checkpoint is damaged: resume from an earlier one",
                         "the file holds rows %llu to %llu of %llu where rows from %u of %u were expected",
                         (unsigned long long)begin, (unsigned long long)stop, (unsigned long long)classes,
                         expected_begin, dataset->classes);
    }
    *end = (uint32_t)stop;
    return STATUS_OK;
}

/* Copies the rows that file and block share. */
static enum status copy_rows(const struct h5_file *file, const char *name, uint32_t begin, uint32_t end,
                             int embedding, const struct classifier_block *block, float *values,
                             struct error *error)
{
    uint32_t first = begin > block->row_begin ? begin : block->row_begin;
    uint32_t last = end < block->row_end ? end : block->row_end;
    struct h5_array array = {0};
    if (first >= last) {
        return STATUS_OK;
    }
    enum status status = h5_open_array(file, name, &array, error);
    if (status != STATUS_OK) {
        return status;
    }
    if (array.type != H5_TYPE_F32 || array.rank != 2 || array.dims[0] != end - begin ||
        array.dims[1] != (uint64_t)embedding) {
        status = error_set(error, STATUS_DATA, file->path, "use the model settings that it was trained with",
                           "%s is not f32 [%u, %d]", name, end - begin, embedding);
    } else {
        float *target = values + (size_t)(first - block->row_begin) * (size_t)embedding;
        status = h5_read_rows(&array, first - begin, last - first, target, error);
    }
    h5_close_array(&array, NULL);
    return status;
}

static enum status read_part(const char *path, const struct checkpoint_dataset *dataset, uint32_t part,
                             int embedding, const struct classifier_block *block, int with_momentum,
                             uint32_t *row, struct error *error)
{
    char name[256], full[PATH_SIZE];
    struct h5_file file = {0};
    uint32_t end = 0;
    enum status status =
        checkpoint_name_classifier(path, dataset->name, part, dataset->parts, name, sizeof name, error);
    if (status == STATUS_OK) {
        status = file_join(path, name, full, error);
    }
    if (status == STATUS_OK) {
        status = h5_open_file(full, &file, error);
    }
    if (status == STATUS_OK) {
        status = read_range(&file, dataset, *row, &end, error);
    }
    if (status == STATUS_OK) {
        status = copy_rows(&file, "/weight", *row, end, embedding, block, block->weight, error);
    }
    if (status == STATUS_OK && with_momentum) {
        status = copy_rows(&file, "/momentum", *row, end, embedding, block, block->momentum, error);
    }
    h5_close_file(&file, NULL);
    *row = end;
    return status;
}

enum status checkpoint_read_classifier(const char *path, const struct checkpoint_dataset *dataset,
                                       int embedding, const struct classifier_block *block, int with_momentum,
                                       struct error *error)
{
    uint32_t row = 0;
    enum status status = STATUS_OK;
    for (uint32_t part = 1; part <= dataset->parts && row < block->row_end && status == STATUS_OK; part++) {
        status = read_part(path, dataset, part, embedding, block, with_momentum, &row, error);
    }
    if (status == STATUS_OK && row < block->row_end) {
        status = error_set(error, STATUS_DATA, path, "the checkpoint is damaged: resume from an earlier one",
                           "dataset %s has class rows up to %u where row %u was expected", dataset->name, row,
                           block->row_end);
    }
    return status;
}
