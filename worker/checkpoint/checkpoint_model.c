/* model.h5: the groups that every worker has alike, and their momenta. */
#include "proto/file.h"
#include "worker/checkpoint/checkpoint.h"
#include "worker/checkpoint/checkpoint_file.h"

#include "shard/hdf5/hdf5.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void copy_dims(uint64_t *dims, const size_t *shape, int rank)
{
    for (int d = 0; d < rank; d++) {
        dims[d] = shape[d];
    }
}

/* The arrays of a group below `folder`, from its weights and statistics or, of trained parameters alone, from
 * its momenta. A constant is in no vector, but a value like any other to whoever reads the file. */
struct arrays {
    const char *folder; /* "" or "/momentum" */
    bool momentum;
};
static const struct arrays values_of_group = {"", false}, momenta_of_group = {"/momentum", true};

static bool has(const struct arrays *arrays, const struct parameter *parameter)
{
    return !arrays->momentum || parameter->kind == PARAMETER_TRAINED;
}

static float *vector_of(const struct arrays *arrays, const struct parameter_group *group,
                        const struct parameter *parameter)
{
    return arrays->momentum ? group->momentum : parameter_group_values(group, parameter);
}

static void name_array(const struct arrays *arrays, const struct parameter_group *group,
                       const struct parameter *parameter, char *name, size_t size)
{
    snprintf(name, size, "%s/%s/%s", arrays->folder, group->name, parameter->name);
}

static enum status write_arrays(struct h5_file *file, const struct parameter_group *group,
                                const struct arrays *arrays, float *buffer, struct error *error)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < group->parameter_count && status == STATUS_OK; i++) {
        const struct parameter *parameter = &group->parameters[i];
        uint64_t dims[4] = {0};
        char name[128];
        if (has(arrays, parameter)) {
            copy_dims(dims, parameter->shape, parameter->rank);
            name_array(arrays, group, parameter, name, sizeof name);
            parameter_to_file(parameter, vector_of(arrays, group, parameter), buffer);
            status = h5_write_array(file, name, H5_TYPE_F32, parameter->rank, dims, buffer, error);
        }
    }
    return status;
}

static enum status write_all(struct h5_file *file, const struct parameter_group *groups, size_t count,
                             float *buffer, struct error *error)
{
    enum status status = h5_set_string(file, "/", "dail_format", "model", error);
    if (status == STATUS_OK) {
        status = h5_set_uint(file, "/", "version", CHECKPOINT_VERSION, error);
    }
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        if (!groups[i].owned_rows) {
            status = write_arrays(file, &groups[i], &values_of_group, buffer, error);
        }
    }
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        if (!groups[i].owned_rows) {
            status = write_arrays(file, &groups[i], &momenta_of_group, buffer, error);
        }
    }
    return status;
}

static uint64_t class_count(const struct identity_groups *identity)
{
    return identity->first_class[identity->datasets];
}

static uint64_t model_bytes(const struct parameter_group *groups, size_t count)
{
    uint64_t values = 0;
    for (size_t i = 0; i < count; i++) {
        if (!groups[i].owned_rows) {
            values += 2 * (uint64_t)groups[i].count + groups[i].statistic_count;
        }
    }
    return sizeof(float) * values;
}

/* Room for the largest parameter. */
static float *make_buffer(const struct parameter_group *groups, size_t count)
{
    size_t largest = 0;
    for (size_t i = 0; i < count; i++) {
        size_t one = groups[i].owned_rows ? 0 : parameter_group_largest(&groups[i]);
        largest = one > largest ? one : largest;
    }
    return malloc((largest > 0 ? largest : 1) * sizeof(float));
}

enum status checkpoint_write_model(const char *directory, const struct parameter_group *groups, size_t count,
                                   const struct identity_groups *identity, struct checkpoint_part *part,
                                   struct error *error)
{
    char path[PATH_SIZE];
    struct h5_file file = {0};
    enum status status = file_join(directory, "model.h5", path, error);
    if (status == STATUS_OK) {
        status = checkpoint_try_space(path, model_bytes(groups, count), error);
    }
    float *buffer = make_buffer(groups, count);
    if (status == STATUS_OK && !buffer) {
        status = error_no_memory(error, path);
    }
    if (status == STATUS_OK) {
        status = h5_create_file(path, &file, error);
        if (status == STATUS_OK) {
            status = write_all(&file, groups, count, buffer, error);
        }
        if (status == STATUS_OK && identity) {
            uint64_t classes = class_count(identity);
            status = h5_write_array(&file, "/identity/home", H5_TYPE_U32, 1, &classes, identity->home, error);
        }
        status = checkpoint_close_part(&file, directory, "model.h5", status, part, error);
    }
    free(buffer);
    return status;
}

static enum status open_model(const char *path, struct h5_file *file, struct error *error)
{
    char name[PATH_SIZE];
    enum status status = file_join(path, "model.h5", name, error);
    if (status == STATUS_OK) {
        status = h5_open_file(name, file, error);
    }
    return status == STATUS_OK ? h5_check_format(file, "model", CHECKPOINT_VERSION, error) : status;
}

static enum status read_arrays(const struct h5_file *file, const struct parameter_group *group,
                               const struct arrays *arrays, float *buffer,
                               const struct checkpoint_progress *progress, struct error *error)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < group->parameter_count && status == STATUS_OK; i++) {
        const struct parameter *parameter = &group->parameters[i];
        uint64_t dims[4] = {0};
        char name[128];
        checkpoint_show_progress(progress);
        if (!has(arrays, parameter)) {
            continue;
        }
        copy_dims(dims, parameter->shape, parameter->rank);
        name_array(arrays, group, parameter, name, sizeof name);
        status = h5_read_array(file, name, H5_TYPE_F32, parameter->rank, dims, buffer, error);
        if (status == STATUS_OK) {
            parameter_from_file(parameter, buffer, vector_of(arrays, group, parameter));
        }
    }
    return status;
}

/* A model with more in it than this one expects is another model. */
static enum status check_members(const struct h5_file *file, const char *group, size_t expected,
                                 struct error *error)
{
    char **names;
    size_t count;
    enum status status = h5_list(file, group, &names, &count, error);
    if (status != STATUS_OK) {
        return status;
    }
    h5_list_free(names, count);
    if (count != expected) {
        return error_set(error, STATUS_DATA, file->path, "use the model settings that it was trained with",
                         "%s holds %zu parameters where this model has %zu", group, count, expected);
    }
    return STATUS_OK;
}

static enum status read_group(const struct h5_file *file, const struct parameter_group *group, float *buffer,
                              const struct checkpoint_progress *progress, struct error *error)
{
    char name[128];
    snprintf(name, sizeof name, "/%s", group->name);
    enum status status = check_members(file, name, group->parameter_count, error);
    if (status == STATUS_OK) {
        status = read_arrays(file, group, &values_of_group, buffer, progress, error);
    }
    if (status == STATUS_OK && group->momentum) {
        status = read_arrays(file, group, &momenta_of_group, buffer, progress, error);
    }
    return status;
}

enum status checkpoint_read_model(const char *path, const struct parameter_group *groups, size_t count,
                                  const struct checkpoint_progress *progress, struct error *error)
{
    struct h5_file file = {0};
    float *buffer = make_buffer(groups, count);
    enum status status = buffer ? open_model(path, &file, error) : error_no_memory(error, path);
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        if (!groups[i].owned_rows) {
            status = read_group(&file, &groups[i], buffer, progress, error);
        }
    }
    h5_close_file(&file, NULL);
    free(buffer);
    return status;
}

/* Whether the file has groups, and the homes in them. */
static enum status read_homes(const struct h5_file *file, uint64_t classes, uint32_t **home,
                              struct error *error)
{
    char **names;
    size_t count;
    bool there = false;
    *home = NULL;
    enum status status = h5_list(file, "/", &names, &count, error);
    if (status != STATUS_OK) {
        return status;
    }
    for (size_t i = 0; i < count; i++) {
        there = there || strcmp(names[i], "identity") == 0;
    }
    h5_list_free(names, count);
    if (!there) {
        return STATUS_OK;
    }
    *home = malloc((size_t)(classes + 1) * sizeof **home);
    return *home ? h5_read_array(file, "/identity/home", H5_TYPE_U32, 1, &classes, *home, error)
                 : error_no_memory(error, file->path);
}

/* Every class of the checkpoint's datasets alone. */
static enum status create_groups(const struct checkpoint_state *state, struct identity_groups **groups,
                                 struct error *error)
{
    uint32_t *classes = calloc(state->dataset_count + 1, sizeof *classes);
    *groups = NULL;
    if (!classes) {
        return error_no_memory(error, "identity groups");
    }
    for (size_t k = 0; k < state->dataset_count; k++) {
        classes[k] = state->datasets[k].classes;
    }
    enum status status = identity_groups_create(classes, state->dataset_count, groups, error);
    free(classes);
    return status;
}

enum status checkpoint_read_identity(const char *path, const struct checkpoint_state *state,
                                     struct identity_groups **groups, struct error *error)
{
    struct h5_file file = {0};
    uint32_t *home = NULL;
    enum status status = create_groups(state, groups, error);
    if (status == STATUS_OK) {
        status = open_model(path, &file, error);
    }
    if (status == STATUS_OK) {
        status = read_homes(&file, class_count(*groups), &home, error);
    }
    if (status == STATUS_OK && home && !identity_groups_set(*groups, home)) {
        status =
            error_set(error, STATUS_DATA, file.path, "the checkpoint is damaged: resume from an earlier one",
                      "/identity/home tells of no identity groups");
    }
    free(home);
    h5_close_file(&file, NULL);
    if (status != STATUS_OK) {
        identity_groups_free(*groups);
        *groups = NULL;
    }
    return status;
}
