#include "worker/interchange/state_dict.h"

#include "proto/output.h"
#include "proto/text.h"
#include "shard/hdf5/hdf5.h"
#include "worker/interchange/safetensors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TRACKED "num_batches_tracked"
#define VARIANCE "running_var"

/* Memory for the largest parameter. */
static enum status make_buffer(struct iresnet *net, float **buffer, struct error *error)
{
    const struct parameter_group group = iresnet_parameter_group(net);
    const size_t largest = parameter_group_largest(&group);
    *buffer = malloc(largest * sizeof **buffer);
    return *buffer ? STATUS_OK
                   : error_set(error, STATUS_INTERNAL, NULL, NULL, "no memory for %zu parameters", largest);
}

/* --- Writing safetensors --- */

/* The arrays in the file's order, integers first, so that each lies at a multiple of its elements' size. NULL
 * when memory runs out. */
static struct safetensors_array *list_arrays(const struct iresnet *net, size_t *arrays)
{
    size_t count;
    const struct parameter *parameters = iresnet_parameters(net, &count);
    struct safetensors_array *list = calloc(2 * count, sizeof *list);
    *arrays = 0;
    for (size_t i = 0; list && i < count; i++) {
        const char *name = parameters[i].name;
        if (text_ends_with(name, VARIANCE)) {
            struct safetensors_array *array = &list[(*arrays)++];
            array->type = SAFETENSORS_I64;
            snprintf(array->name, sizeof array->name, "%.*s%s", (int)(strlen(name) - strlen(VARIANCE)), name,
                     TRACKED);
        }
    }
    for (size_t i = 0; list && i < count; i++) {
        struct safetensors_array *array = &list[(*arrays)++];
        snprintf(array->name, sizeof array->name, "%s", parameters[i].name);
        array->type = SAFETENSORS_F32;
        array->rank = parameters[i].rank;
        for (int d = 0; d < array->rank; d++) {
            array->shape[d] = parameters[i].shape[d];
        }
    }
    return list;
}

static enum status append_all(struct safetensors_writer *writer, const struct backbone *backbone,
                              float *buffer, struct error *error)
{
    const struct parameter_group group = iresnet_parameter_group(backbone->net);
    enum status status = STATUS_OK;
    for (size_t i = 0; i < group.parameter_count && status == STATUS_OK; i++) {
        if (text_ends_with(group.parameters[i].name, VARIANCE)) {
            status = safetensors_append_integers(writer, &backbone->state.step, 1, error);
        }
    }
    for (size_t i = 0; i < group.parameter_count && status == STATUS_OK; i++) {
        const struct parameter *parameter = &group.parameters[i];
        parameter_to_file(parameter, parameter_group_values(&group, parameter), buffer);
        status = safetensors_append_floats(writer, buffer, parameter->count, error);
    }
    return status;
}

static enum status create_writer(const struct backbone *backbone, const char *path,
                                 struct safetensors_writer **writer, struct error *error)
{
    const struct checkpoint_state *state = &backbone->state;
    char input[16], embedding[16], width[32], step[32];
    snprintf(input, sizeof input, "%d", state->network.input);
    snprintf(embedding, sizeof embedding, "%d", state->network.embedding);
    snprintf(width, sizeof width, "%g", state->network.width);
    snprintf(step, sizeof step, "%lld", (long long)state->step);
    const char *const metadata[][2] = {{"format", "pt"}, {"arch", state->network.arch},
                                       {"input", input}, {"embedding", embedding},
                                       {"width", width}, {"step", step}};
    size_t arrays;
    struct safetensors_array *list = list_arrays(backbone->net, &arrays);
    if (!list) {
        return error_no_memory(error, path);
    }
    enum status status =
        safetensors_create(path, list, arrays, metadata, sizeof metadata / sizeof *metadata, writer, error);
    free(list);
    return status;
}

enum status state_dict_write_safetensors(const struct backbone *backbone, const char *path,
                                         struct error *error)
{
    float *buffer;
    struct safetensors_writer *writer = NULL;
    enum status status = make_buffer(backbone->net, &buffer, error);
    if (status == STATUS_OK) {
        status = create_writer(backbone, path, &writer, error);
    }
    if (status == STATUS_OK) {
        status = append_all(writer, backbone, buffer, error);
    }
    free(buffer);
    if (status != STATUS_OK) {
        safetensors_abandon(writer);
        return status;
    }
    return safetensors_finish(writer, error);
}

/* --- Writing HDF5 --- */

static enum status write_attributes(struct h5_file *file, const struct checkpoint_state *state,
                                    struct error *error)
{
    enum status status = h5_set_string(file, "/", "dail_format", "state_dict", error);
    if (status == STATUS_OK) {
        status = h5_set_uint(file, "/", "version", STATE_DICT_VERSION, error);
    }
    if (status == STATUS_OK) {
        status = h5_set_string(file, "/", "arch", state->network.arch, error);
    }
    if (status == STATUS_OK) {
        status = h5_set_uint(file, "/", "input", (uint64_t)state->network.input, error);
    }
    if (status == STATUS_OK) {
        status = h5_set_uint(file, "/", "embedding", (uint64_t)state->network.embedding, error);
    }
    if (status == STATUS_OK) {
        status = h5_set_double(file, "/", "width", state->network.width, error);
    }
    return status == STATUS_OK ? h5_set_uint(file, "/", "step", (uint64_t)state->step, error) : status;
}

static enum status write_arrays(struct h5_file *file, const struct backbone *backbone, float *buffer,
                                struct error *error)
{
    const struct parameter_group group = iresnet_parameter_group(backbone->net);
    enum status status = write_attributes(file, &backbone->state, error);
    for (size_t i = 0; i < group.parameter_count && status == STATUS_OK; i++) {
        const struct parameter *parameter = &group.parameters[i];
        uint64_t dims[4] = {0};
        char name[sizeof parameter->name + 1];
        for (int d = 0; d < parameter->rank; d++) {
            dims[d] = parameter->shape[d];
        }
        snprintf(name, sizeof name, "/%s", parameter->name);
        parameter_to_file(parameter, parameter_group_values(&group, parameter), buffer);
        status = h5_write_array(file, name, H5_TYPE_F32, parameter->rank, dims, buffer, error);
    }
    return status;
}

enum status state_dict_write_hdf5(const struct backbone *backbone, const char *path, struct error *error)
{
    struct output output = {0};
    struct h5_file file = {0};
    float *buffer;
    enum status status = make_buffer(backbone->net, &buffer, error);
    if (status == STATUS_OK) {
        status = output_prepare(&output, path, error);
    }
    if (status == STATUS_OK) {
        status = h5_create_file(output.written, &file, error);
    }
    if (status == STATUS_OK) {
        status = write_arrays(&file, backbone, buffer, error);
    }
    free(buffer);
    enum status closed = h5_close_file(&file, status == STATUS_OK ? error : NULL);
    status = status == STATUS_OK ? closed : status;
    return output_close(&output, status, error);
}
