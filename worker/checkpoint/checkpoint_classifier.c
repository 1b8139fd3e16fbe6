/* classifier-<dataset>.<part>-of-<parts>.h5: class rows, their momenta, and where they are gathered their centres. */
#include "proto/file.h"
#include "worker/checkpoint/checkpoint.h"
#include "worker/checkpoint/checkpoint_file.h"

#include "shard/hdf5/hdf5.h"

#include <stdio.h>
#include <string.h>

/* Read between two signs of life. */
#define PIECE_BYTES ((size_t)4 << 20)

static uint64_t width_of(const struct parameter_group *group)
{
    return group->parameters[0].shape[1];
}

static enum status write_centres(struct h5_file *file, const struct parameter_group *group,
                                 struct error *error)
{
    uint64_t sums[2] = {group->rows.end - group->rows.begin, width_of(group)};
    uint64_t samples[2] = {sums[0], 1};
    enum status status = h5_write_array(file, "/centre", H5_TYPE_F32, 2, sums, group->centre, error);
    return status == STATUS_OK ? h5_write_array(file, "/centre_samples", H5_TYPE_F32, 2, samples,
                                                group->centre + group->count, error)
                               : status;
}

static enum status write_rows(struct h5_file *file, const struct parameter_group *group, struct error *error)
{
    const struct parameter_rows *rows = &group->rows;
    uint64_t dims[2] = {rows->end - rows->begin, width_of(group)};
    enum status status = h5_set_string(file, "/", "dail_format", "classifier", error);
    if (status == STATUS_OK) {
        status = h5_set_uint(file, "/", "version", CHECKPOINT_VERSION, error);
    }
    if (status == STATUS_OK) {
        status = h5_set_uint(file, "/", "row_begin", rows->begin, error);
    }
    if (status == STATUS_OK) {
        status = h5_set_uint(file, "/", "row_end", rows->end, error);
    }
    if (status == STATUS_OK) {
        status = h5_set_uint(file, "/", "classes", rows->all, error);
    }
    if (status == STATUS_OK) {
        status = h5_write_array(file, "/weight", H5_TYPE_F32, 2, dims, group->weight, error);
    }
    if (status == STATUS_OK) {
        status = h5_write_array(file, "/momentum", H5_TYPE_F32, 2, dims, group->momentum, error);
    }
    if (status == STATUS_OK && group->loss_centre) {
        status = h5_write_array(file, "/loss_centre", H5_TYPE_F32, 2, dims, group->loss_centre, error);
    }
    return status == STATUS_OK && group->centre ? write_centres(file, group, error) : status;
}

enum status checkpoint_write_classifier(const char *directory, const struct parameter_group *group,
                                        struct checkpoint_part *part, struct error *error)
{
    char name[sizeof part->file], path[PATH_SIZE];
    struct h5_file file = {0};
    const struct parameter_rows *rows = &group->rows;
    enum status status = checkpoint_name_classifier(directory, group->name, (uint32_t)rows->part + 1,
                                                    (uint32_t)rows->parts, name, sizeof name, error);
    if (status == STATUS_OK) {
        status = file_join(directory, name, path, error);
    }
    if (status == STATUS_OK) {
        status = checkpoint_try_space(
            path,
            sizeof(float) * ((group->loss_centre ? 3 : 2) * (uint64_t)group->count + group->centre_count),
            error);
    }
    if (status != STATUS_OK) {
        return status;
    }
    status = h5_create_file(path, &file, error);
    if (status == STATUS_OK) {
        status = write_rows(&file, group, error);
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

/* Copies the rows, of so many values, that file and group share. */
static enum status copy_rows(const struct h5_file *file, const char *name, uint64_t width, uint32_t begin,
                             uint32_t end, const struct parameter_group *group, float *values,
                             const struct checkpoint_progress *progress, struct error *error)
{
    uint32_t first = begin > group->rows.begin ? begin : group->rows.begin;
    uint32_t last = end < group->rows.end ? end : group->rows.end;
    struct h5_array array = {0};
    if (first >= last) {
        return STATUS_OK;
    }
    enum status status = h5_open_array(file, name, &array, error);
    if (status != STATUS_OK) {
        return status;
    }
    if (array.type != H5_TYPE_F32 || array.rank != 2 || array.dims[0] != end - begin ||
        array.dims[1] != width) {
        status = error_set(error, STATUS_DATA, file->path, "use the model settings that it was trained with",
                           "%s is not f32 [%u, %llu]", name, end - begin, (unsigned long long)width);
    } else {
        const uint32_t piece = (uint32_t)(PIECE_BYTES / (width * sizeof(float)) + 1);
        for (uint32_t row = first; row < last && status == STATUS_OK;) {
            const uint32_t count = last - row < piece ? last - row : piece;
            checkpoint_show_progress(progress);
            status = h5_read_rows(&array, row - begin, count,
                                  values + (size_t)(row - group->rows.begin) * width, error);
            row += count;
        }
    }
    h5_close_array(&array, NULL);
    return status;
}

static enum status read_part(const char *path, const struct checkpoint_dataset *dataset, uint32_t part,
                             const struct parameter_group *group, uint32_t *row,
                             const struct checkpoint_progress *progress, struct error *error)
{
    char name[256], full[PATH_SIZE];
    struct h5_file file = {0};
    const uint64_t width = width_of(group);
    uint32_t end = 0;
    enum status status =
        checkpoint_name_classifier(path, dataset->name, part, dataset->parts, name, sizeof name, error);
    checkpoint_show_progress(progress);
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
        status = copy_rows(&file, "/weight", width, *row, end, group, group->weight, progress, error);
    }
    if (status == STATUS_OK && group->momentum) {
        status = copy_rows(&file, "/momentum", width, *row, end, group, group->momentum, progress, error);
    }
    if (status == STATUS_OK && group->loss_centre) {
        status =
            copy_rows(&file, "/loss_centre", width, *row, end, group, group->loss_centre, progress, error);
    }
    if (status == STATUS_OK && group->centre) {
        status = copy_rows(&file, "/centre", width, *row, end, group, group->centre, progress, error);
    }
    if (status == STATUS_OK && group->centre) {
        float *samples = group->centre + group->count;
        status = copy_rows(&file, "/centre_samples", 1, *row, end, group, samples, progress, error);
    }
    h5_close_file(&file, NULL);
    *row = end;
    return status;
}

enum status checkpoint_read_classifier(const char *path, const struct checkpoint_dataset *dataset,
                                       const struct parameter_group *group,
                                       const struct checkpoint_progress *progress, struct error *error)
{
    const struct parameter_rows *rows = &group->rows;
    const int parts = (int)dataset->parts;
    enum status status = STATUS_OK;
    if (rows->begin >= rows->end) {
        return STATUS_OK;
    }
    if (rows->end > dataset->classes || parts < 1) {
        return error_set(error, STATUS_DATA, path, "use the model settings that it was trained with",
                         "dataset %s has %u class rows in %d parts where row %u was expected", dataset->name,
                         dataset->classes, parts, rows->end - 1);
    }
    const int first = parameter_rows_part(dataset->classes, rows->begin, parts);
    uint32_t row = parameter_rows_begin(dataset->classes, first, parts);
    for (int part = first; part < parts && row < rows->end && status == STATUS_OK; part++) {
        status = read_part(path, dataset, (uint32_t)part + 1, group, &row, progress, error);
    }
    if (status == STATUS_OK && row < rows->end) {
        status = error_set(error, STATUS_DATA, path, "the checkpoint is damaged: resume from an earlier one",
                           "dataset %s has class rows up to %u where row %u was expected", dataset->name, row,
                           rows->end);
    }
    return status;
}

enum status checkpoint_has_centres(const char *path, const struct checkpoint_state *state, bool *there,
                                   struct error *error)
{
    const struct checkpoint_dataset *dataset = &state->datasets[0];
    char name[256], full[PATH_SIZE], **names = NULL;
    size_t count = 0;
    struct h5_file file = {0};
    *there = false;
    enum status status =
        checkpoint_name_classifier(path, dataset->name, 1, dataset->parts, name, sizeof name, error);
    if (status == STATUS_OK) {
        status = file_join(path, name, full, error);
    }
    if (status == STATUS_OK) {
        status = h5_open_file(full, &file, error);
    }
    if (status == STATUS_OK) {
        status = h5_list(&file, "/", &names, &count, error);
    }
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        *there = *there || strcmp(names[i], "centre") == 0;
    }
    if (status == STATUS_OK) {
        h5_list_free(names, count);
    }
    h5_close_file(&file, NULL);
    return status;
}
