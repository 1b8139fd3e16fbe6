/* A state_dict from outside: a published backbone in any format that state_dict_file.h reads. */
#include "worker/interchange/state_dict.h"

#include "proto/text.h"
#include "worker/interchange/state_dict_file.h"
#include "worker/nn/batchnorm.h"
#include "worker/nn/parameter_table.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TRACKED ".num_batches_tracked"
#define NEXT "set model.arch, model.width, model.input and model.embedding as the file has them"
#define MEAN ".running_mean"
#define VARIANCE ".running_var"

bool state_dict_is_meant(const char *path)
{
    return state_dict_file_is_meant(path);
}

/* --- Names and shapes --- */

static const struct parameter *find_parameter(const struct parameter *parameters, size_t count,
                                              const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(parameters[i].name, name) == 0) {
            return &parameters[i];
        }
    }
    return NULL;
}

/* Whether an array is a counter of a batch normalisation that the network has. */
static bool is_counter(const struct safetensors_array *array, const struct parameter *parameters,
                       size_t count)
{
    char name[sizeof array->name];
    if (!text_ends_with(array->name, TRACKED) || array->count != 1) {
        return false;
    }
    snprintf(name, sizeof name, "%.*s.running_var", (int)(strlen(array->name) - strlen(TRACKED)),
             array->name);
    return find_parameter(parameters, count, name);
}

static enum status compare_names(const struct state_dict_file *file, const struct parameter *parameters,
                                 size_t count, struct error *error)
{
    struct state_dict_list missing = {0}, other = {0};
    for (size_t i = 0; i < count; i++) {
        if (!state_dict_file_find(file, parameters[i].name)) {
            state_dict_list_add(&missing, parameters[i].name);
        }
    }
    for (size_t i = 0; i < file->count; i++) {
        const struct safetensors_array *array = &file->arrays[i];
        if (!find_parameter(parameters, count, array->name) && !is_counter(array, parameters, count)) {
            state_dict_list_add(&other, array->name);
        }
    }
    if (missing.count + other.count == 0) {
        return STATUS_OK;
    }
    state_dict_list_end(&missing);
    state_dict_list_end(&other);
    return error_set(error, STATUS_DATA, file->path, NEXT,
                     "not the state_dict of this model%s%.80s%s: %s%s%s%s%s",
                     file->naming.prefix[0] != '\0' ? ", behind '" : "", file->naming.prefix,
                     file->naming.prefix[0] != '\0' ? "'" : "", missing.count > 0 ? "it lacks " : "",
                     missing.text, missing.count > 0 && other.count > 0 ? "; " : "",
                     other.count > 0 ? "the model has no " : "", other.text);
}

static void format_shape(char *text, size_t size, int rank, const uint64_t *shape)
{
    size_t used = (size_t)snprintf(text, size, "[");
    for (int d = 0; d < rank && used < size; d++) {
        used += (size_t)snprintf(text + used, size - used, "%s%llu", d > 0 ? ", " : "",
                                 (unsigned long long)shape[d]);
    }
    if (used < size) {
        snprintf(text + used, size - used, "]");
    }
}

static enum status compare_shape(const struct state_dict_file *file, const struct parameter *parameter,
                                 struct error *error)
{
    const struct safetensors_array *array = state_dict_file_find(file, parameter->name);
    uint64_t shape[4] = {0};
    bool same = array->rank == parameter->rank;
    for (int d = 0; d < parameter->rank; d++) {
        shape[d] = parameter->shape[d];
        same = same && array->shape[d] == shape[d];
    }
    if (!same) {
        char here[100], there[200];
        format_shape(here, sizeof here, parameter->rank, shape);
        format_shape(there, sizeof there, array->rank, array->shape);
        return error_set(error, STATUS_DATA, file->path, NEXT,
                         "not the state_dict of this model: its %s is %s, the model's %s", parameter->name,
                         there, here);
    }
    if (array->type != SAFETENSORS_F32 && array->type != SAFETENSORS_F16 && array->type != SAFETENSORS_BF16) {
        return error_set(error, STATUS_DATA, file->path, "convert it to float32",
                         "%s is not of type F32, F16 or BF16", parameter->name);
    }
    return STATUS_OK;
}

static enum status compare(const struct state_dict_file *file, const struct parameter *parameters,
                           size_t count, struct error *error)
{
    enum status status = compare_names(file, parameters, count, error);
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        status = compare_shape(file, &parameters[i], error);
    }
    return status;
}

static void note_names(const struct state_dict_file *file, struct state_dict_note *note)
{
    state_dict_naming_format(&file->naming, note->names, sizeof note->names);
}

/* --- Folded normalisations --- */

/* Whether all numbers of a small array are this one. */
static enum status all_are(const struct state_dict_file *file, const char *name, float number, bool *all,
                           struct error *error)
{
    const struct safetensors_array *array = state_dict_file_find(file, name);
    float *values = malloc((size_t)array->count * sizeof *values);
    enum status status =
        values ? state_dict_file_read(file, array, values, error) : error_no_memory(error, file->path);
    *all = status == STATUS_OK;
    for (size_t i = 0; i < array->count && *all; i++) {
        *all = values[i] == number;
    }
    free(values);
    return status;
}

/* One that was folded has the statistics that onnx_iresnet.h gives it: those that change nothing. */
static enum status is_folded(const struct state_dict_file *file, const char *variance, bool *folded,
                             struct error *error)
{
    char mean[256];
    snprintf(mean, sizeof mean, "%.*s%s", (int)(strlen(variance) - strlen(VARIANCE)), variance, MEAN);
    enum status status = all_are(file, variance, (float)(1 - BATCHNORM_EPSILON), folded, error);
    return status == STATUS_OK && *folded ? all_are(file, mean, 0, folded, error) : status;
}

static enum status note_folded(const struct state_dict_file *file, const struct parameter *parameters,
                               size_t count, struct state_dict_note *note, struct error *error)
{
    size_t folded = 0, normalisations = 0;
    enum status status = STATUS_OK;
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        bool is = false;
        if (text_ends_with(parameters[i].name, VARIANCE)) {
            status = is_folded(file, parameters[i].name, &is, error);
            normalisations++;
            folded += is;
        }
    }
    if (folded > 0) {
        snprintf(
            note->folded, sizeof note->folded,
            "%zu of its %zu batch normalisations were folded into the layers before them and their "
            "statistics are "
            "lost: it computes the same, but a training makes new ones at its first step and begins far from "
            "where it was; better start from the network before it was folded (its state_dict, or ONNX by "
            "dail export without --fold-bn)",
            folded, normalisations);
    }
    return status;
}

enum status state_dict_check(const char *path, const struct iresnet_config *config,
                             struct state_dict_note *note, struct error *error)
{
    struct state_dict_file file = {0};
    struct dimensions dimensions;
    struct parameter_table table = {0};
    struct state_dict_note unheard;
    note = note ? note : &unheard;
    *note = (struct state_dict_note){0};
    enum status status = dimensions_of(config, &dimensions, error);
    if (status == STATUS_OK) {
        status = parameter_table_build(&dimensions, &table, error);
    }
    if (status == STATUS_OK) {
        status = state_dict_file_open(path, &file, error);
    }
    if (status == STATUS_OK) {
        status = compare(&file, table.list, table.count, error);
    }
    if (status == STATUS_OK) {
        note_names(&file, note);
        status = note_folded(&file, table.list, table.count, note, error);
    }
    state_dict_file_close(&file);
    parameter_table_free(&table);
    return status;
}

/* --- What the shapes tell --- */

/* Dimension `d` of an array of that rank; 0 where there is none, or it is beyond any network's. */
static int dimension(const struct state_dict_file *file, const char *name, int rank, int d)
{
    const struct safetensors_array *array = state_dict_file_find(file, name);
    bool fits = array && array->rank == rank && array->shape[d] <= INT_MAX;
    return fits ? (int)array->shape[d] : 0;
}

/* Blocks and channels of a layer. */
static void measure_layer(const struct state_dict_file *file, int layer, int *blocks, int *channels)
{
    char name[64];
    *blocks = -1;
    do {
        snprintf(name, sizeof name, "layer%d.%d.conv1.weight", layer + 1, ++*blocks);
    } while (state_dict_file_find(file, name));
    snprintf(name, sizeof name, "layer%d.0.conv1.weight", layer + 1);
    *channels = dimension(file, name, 4, 0);
}

/* The factor that makes these channels of 64, 128, 256, 512; each layer's own is tried. */
static bool find_width(struct iresnet_config *config, const int channels[IRESNET_LAYERS])
{
    for (int layer = 0; layer < IRESNET_LAYERS; layer++) {
        struct dimensions dimensions;
        config->network.width = (double)channels[layer] / (64 << layer);
        if (dimensions_of(config, &dimensions, NULL) == STATUS_OK &&
            memcmp(dimensions.widths, channels, sizeof dimensions.widths) == 0) {
            return true;
        }
    }
    return false;
}

static bool describe(const struct state_dict_file *file, struct iresnet_config *config)
{
    int blocks[IRESNET_LAYERS], channels[IRESNET_LAYERS];
    for (int layer = 0; layer < IRESNET_LAYERS; layer++) {
        measure_layer(file, layer, &blocks[layer], &channels[layer]);
    }
    int last = channels[IRESNET_LAYERS - 1], features = dimension(file, "fc.weight", 2, 1);
    if (last == 0) {
        return false;
    }
    *config = (struct iresnet_config){.network = {.arch = dimensions_arch(blocks),
                                                  .input = 16 * (int)lround(sqrt((double)(features / last))),
                                                  .embedding = dimension(file, "fc.weight", 2, 0)},
                                      .batch_max = 1,
                                      .threads = 1};
    return config->network.arch && find_width(config, channels);
}

static enum status refuse(const struct state_dict_file *file, struct error *error)
{
    struct state_dict_list names = {0};
    for (size_t i = 0; i < file->count; i++) {
        state_dict_list_add(&names, file->arrays[i].name);
    }
    state_dict_list_end(&names);
    return error_set(
        error, STATUS_DATA, file->path, "give the state_dict of an InsightFace iresnet",
        "its names and shapes are no iresnet's, which has layer1.0.conv1.weight, fc.weight and others: "
        "it has %s",
        file->count > 0 ? names.text : "no array");
}

enum status state_dict_describe(const char *path, struct checkpoint_state *state,
                                struct state_dict_note *note, struct error *error)
{
    struct state_dict_file file = {0};
    struct iresnet_config config = {0};
    struct state_dict_note unheard;
    note = note ? note : &unheard;
    *note = (struct state_dict_note){0};
    enum status status = state_dict_file_open(path, &file, error);
    if (status == STATUS_OK && !describe(&file, &config)) {
        status = refuse(&file, error);
    }
    if (status == STATUS_OK) {
        note_names(&file, note);
        state->network = config.network;
    }
    state_dict_file_close(&file);
    return status;
}

/* --- Values --- */

static enum status check_values(const struct state_dict_file *file, const struct parameter *parameter,
                                const float *values, struct error *error)
{
    bool variance = text_ends_with(parameter->name, ".running_var");
    for (size_t i = 0; i < parameter->count; i++) {
        const char *fault = NULL;
        if (!isfinite(values[i])) {
            fault = "is not finite";
        } else if (variance && values[i] < 0) {
            fault = "is negative";
        } else if (parameter->kind == PARAMETER_CONSTANT && values[i] != 1.0f) {
            fault = "is not 1, which this network has fixed";
        }
        if (fault) {
            return error_set(error, STATUS_DATA, file->path, "start from another file",
                             "element %zu of %s, %g, %s", i, parameter->name, (double)values[i], fault);
        }
    }
    return STATUS_OK;
}

static enum status read_all(const struct state_dict_file *file, struct iresnet *net, struct error *error)
{
    const struct parameter_group group = iresnet_parameter_group(net);
    const size_t largest = parameter_group_largest(&group);
    float *values = malloc(largest * sizeof *values);
    enum status status =
        values ? STATUS_OK
               : error_set(error, STATUS_INTERNAL, file->path, NULL, "no memory for %zu parameters", largest);
    for (size_t i = 0; i < group.parameter_count && status == STATUS_OK; i++) {
        const struct parameter *parameter = &group.parameters[i];
        status = state_dict_file_read(file, state_dict_file_find(file, parameter->name), values, error);
        if (status == STATUS_OK) {
            status = check_values(file, parameter, values, error);
        }
        if (status == STATUS_OK) {
            parameter_from_file(parameter, values, parameter_group_values(&group, parameter));
        }
    }
    free(values);
    return status;
}

enum status state_dict_read(const char *path, struct iresnet *net, struct error *error)
{
    struct state_dict_file file = {0};
    size_t count;
    const struct parameter *parameters = iresnet_parameters(net, &count);
    enum status status = state_dict_file_open(path, &file, error);
    if (status == STATUS_OK) {
        status = compare(&file, parameters, count, error);
    }
    if (status == STATUS_OK) {
        status = read_all(&file, net, error);
    }
    state_dict_file_close(&file);
    iresnet_weights_changed(net);
    return status;
}
