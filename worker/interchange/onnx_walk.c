#include "worker/interchange/onnx_walk.h"

#include "worker/nn/batchnorm.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NEXT "give the ONNX model of an InsightFace iresnet"

/* --- Refusals --- */

static const char *text_of(const char *text)
{
    return text && text[0] != '\0' ? text : "?";
}

enum status onnx_walk_refuse(struct onnx_walk *walk, const char *format, ...)
{
    char what[300];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    return error_set(walk->error, STATUS_DATA, walk->network->file.path, NEXT, "not an iresnet: %s", what);
}

enum status onnx_walk_refuse_node(struct onnx_walk *walk, const Onnx__NodeProto *node, const char *what)
{
    const char *name = node->name && node->name[0] != '\0' ? node->name
                       : node->n_output > 0                ? node->output[0]
                                                           : NULL;
    return onnx_walk_refuse(walk, "node '%.60s' (%.30s): %s", text_of(name), text_of(node->op_type), what);
}

/* --- Nodes --- */

/* The nodes that take the value at hand, exactly `count` of them. */
enum status onnx_walk_takers(struct onnx_walk *walk, const Onnx__NodeProto **nodes, size_t count,
                             const char *what)
{
    const size_t found = onnx_file_takers(&walk->network->file, walk->at, nodes, count);
    if (found == count) {
        return STATUS_OK;
    }
    return onnx_walk_refuse(walk, "'%.100s' is taken by %zu nodes where %s", walk->at->name, found, what);
}

/* The one node that takes it; NULL: another number of them do. */
const Onnx__NodeProto *onnx_walk_only_taker(const struct onnx_walk *walk)
{
    const Onnx__NodeProto *node;
    return onnx_file_takers(&walk->network->file, walk->at, &node, 1) == 1 ? node : NULL;
}

/* Goes on behind a node that must be of this operator and take the value at hand first. */
enum status onnx_walk_follow(struct onnx_walk *walk, const Onnx__NodeProto *node, const char *operator)
{
    char what[100];
    const struct onnx_file *file = &walk->network->file;
    if (!onnx_is(node, operator)) {
        snprintf(what, sizeof what, "an iresnet has %s there", operator);
        return onnx_walk_refuse_node(walk, node, what);
    }
    if (onnx_file_input(file, node, 0) != walk->at) {
        return onnx_walk_refuse_node(walk, node, "its inputs are in another order");
    }
    const struct onnx_value *value = node->n_output > 0 ? onnx_file_find(file, node->output[0]) : NULL;
    if (!value || value->maker != node) {
        return onnx_walk_refuse_node(walk, node, "it has no output");
    }
    walk->at = value;
    return STATUS_OK;
}

int64_t onnx_attribute_number(const Onnx__NodeProto *node, const char *name, int64_t otherwise)
{
    const Onnx__AttributeProto *attribute = onnx_attribute(node, name);
    return attribute ? attribute->i : otherwise;
}

float onnx_attribute_float(const Onnx__NodeProto *node, const char *name, float otherwise)
{
    const Onnx__AttributeProto *attribute = onnx_attribute(node, name);
    return attribute ? attribute->f : otherwise;
}

/* Whether all numbers of a list are this one; without the list they are `otherwise`. */
static bool all_are(const Onnx__NodeProto *node, const char *name, int64_t number, int64_t otherwise)
{
    const Onnx__AttributeProto *attribute = onnx_attribute(node, name);
    bool all = attribute || number == otherwise;
    for (size_t i = 0; attribute && i < attribute->n_ints; i++) {
        all = all && attribute->ints[i] == number;
    }
    return all;
}

/* --- Arrays --- */

/* The numbers that a node takes as an input; `count` is how many. */
enum status onnx_walk_array(struct onnx_walk *walk, const Onnx__NodeProto *node, size_t index,
                            const Onnx__TensorProto **array, size_t *count)
{
    const struct onnx_value *value = onnx_file_input(&walk->network->file, node, index);
    char what[60];
    if (!value || !value->array) {
        snprintf(what, sizeof what, "its input %zu is no array of the file", index + 1);
        return onnx_walk_refuse_node(walk, node, what);
    }
    *array = value->array;
    return onnx_file_check_array(&walk->network->file, value->array, count, walk->error);
}

static enum status grow(struct onnx_walk *walk)
{
    struct onnx_iresnet *network = walk->network;
    const size_t capacity = 2 * network->capacity + 256;
    struct safetensors_array *arrays = realloc(network->arrays, capacity * sizeof *arrays);
    network->arrays = arrays ? arrays : network->arrays;
    struct onnx_source *sources = arrays ? realloc(network->sources, capacity * sizeof *sources) : NULL;
    network->sources = sources ? sources : network->sources;
    if (!sources) {
        return error_no_memory(walk->error, network->file.path);
    }
    network->capacity = capacity;
    return STATUS_OK;
}

/* Adds the array "<layer>.<name>", of the shape that `shape` has in the file (NULL: [count]). */
enum status onnx_walk_add(struct onnx_walk *walk, const char *layer, const char *name,
                          const Onnx__TensorProto *shape, size_t count, struct onnx_source source)
{
    struct onnx_iresnet *network = walk->network;
    if (network->count == network->capacity) {
        enum status status = grow(walk);
        if (status != STATUS_OK) {
            return status;
        }
    }
    struct safetensors_array *array = &network->arrays[network->count];
    *array = (struct safetensors_array){.type = SAFETENSORS_F32, .count = count};
    snprintf(array->name, sizeof array->name, "%s.%s", layer, name);
    array->rank = shape ? (int)shape->n_dims : 1;
    array->shape[0] = count;
    for (int d = 0; shape && d < array->rank; d++) {
        array->shape[d] = (uint64_t)shape->dims[d];
    }
    network->sources[network->count++] = source;
    return STATUS_OK;
}

/* --- Layers --- */

/* A batch normalisation that only adds: numbers of the file, or nothing. */
static enum status add_shift(struct onnx_walk *walk, const char *layer, size_t count,
                             const Onnx__TensorProto *shift)
{
    const struct {
        const char *name;
        struct onnx_source source;
    } parts[] = {{"weight", {.fill = 1}},
                 {"bias", {.array = shift}},
                 {"running_mean", {.fill = 0}},
                 {"running_var", {.fill = (float)(1 - BATCHNORM_EPSILON)}}};
    enum status status = STATUS_OK;
    for (size_t i = 0; i < sizeof parts / sizeof *parts && status == STATUS_OK; i++) {
        status = onnx_walk_add(walk, layer, parts[i].name, NULL, count, parts[i].source);
    }
    return status;
}

/* A node that normalises what a layer with this bias makes (NULL: with none). */
enum status onnx_walk_norm_node(struct onnx_walk *walk, const Onnx__NodeProto *node, const char *layer,
                                const Onnx__TensorProto *bias)
{
    static const char *const parts[] = {"weight", "bias", "running_mean", "running_var"};
    const float epsilon = onnx_attribute_float(node, "epsilon", (float)BATCHNORM_EPSILON);
    enum status status = onnx_walk_follow(walk, node, "BatchNormalization");
    if (status == STATUS_OK && onnx_attribute_number(node, "training_mode", 0) != 0) {
        status = onnx_walk_refuse_node(walk, node, "it is in training");
    }
    for (size_t i = 0; i < 4 && status == STATUS_OK; i++) {
        struct onnx_source source = {.less = i == 2 ? bias : NULL};
        size_t count;
        if (i == 3 && epsilon != (float)BATCHNORM_EPSILON) {
            source.more = epsilon - (float)BATCHNORM_EPSILON;
        }
        status = onnx_walk_array(walk, node, i + 1, &source.array, &count);
        if (status == STATUS_OK && count != walk->channels) {
            status = onnx_walk_refuse_node(walk, node, "its arrays are not of a number for each channel");
        }
        if (status == STATUS_OK) {
            status = onnx_walk_add(walk, layer, parts[i], NULL, count, source);
        }
    }
    return status;
}

/* What normalises behind a layer: the next node, or what was folded into the layer. */
enum status onnx_walk_norm(struct onnx_walk *walk, const char *layer, const Onnx__TensorProto *bias)
{
    const Onnx__NodeProto *node = onnx_walk_only_taker(walk);
    return node && onnx_is(node, "BatchNormalization") ? onnx_walk_norm_node(walk, node, layer, bias)
                                                       : add_shift(walk, layer, walk->channels, bias);
}

/* The bias that a node takes as its third input, one for each channel; NULL: none. */
enum status onnx_walk_bias(struct onnx_walk *walk, const Onnx__NodeProto *node,
                           const Onnx__TensorProto **bias)
{
    size_t count;
    *bias = NULL;
    if (node->n_input < 3 || !node->input[2] || node->input[2][0] == '\0' ||
        onnx_file_is_zero(&walk->network->file, onnx_file_input(&walk->network->file, node, 2))) {
        return STATUS_OK;
    }
    enum status status = onnx_walk_array(walk, node, 2, bias, &count);
    if (status == STATUS_OK && count != walk->channels) {
        status = onnx_walk_refuse_node(walk, node, "its bias is not of a number for each channel");
    }
    return status;
}

/* A convolution and what normalises behind it. */
enum status onnx_walk_conv(struct onnx_walk *walk, const Onnx__NodeProto *node, const char *conv,
                           const char *norm, int64_t kernel, int64_t stride)
{
    const Onnx__TensorProto *weight = NULL, *bias = NULL;
    size_t count;
    enum status status = onnx_walk_follow(walk, node, "Conv");
    if (status == STATUS_OK) {
        status = onnx_walk_array(walk, node, 1, &weight, &count);
    }
    if (status != STATUS_OK) {
        return status;
    }
    const Onnx__AttributeProto *automatic = onnx_attribute(node, "auto_pad");
    if (weight->n_dims != 4 || weight->dims[2] != kernel || weight->dims[3] != kernel ||
        weight->dims[1] != (int64_t)walk->channels || onnx_attribute_number(node, "group", 1) != 1 ||
        !all_are(node, "strides", stride, 1) || !all_are(node, "pads", kernel / 2, 0) ||
        !all_are(node, "dilations", 1, 1) ||
        (automatic && automatic->s.len > 0 &&
         strncmp((char *)automatic->s.data, "NOTSET", automatic->s.len))) {
        char what[120];
        snprintf(what, sizeof what,
                 "an iresnet has a convolution of %zu channels there, %d x %d, stride %d, padding %d",
                 walk->channels, (int)kernel, (int)kernel, (int)stride, (int)kernel / 2);
        return onnx_walk_refuse_node(walk, node, what);
    }
    walk->channels = (size_t)weight->dims[0];
    status = onnx_walk_add(walk, conv, "weight", weight, count, (struct onnx_source){.array = weight});
    if (status == STATUS_OK) {
        status = onnx_walk_bias(walk, node, &bias);
    }
    return status == STATUS_OK ? onnx_walk_norm(walk, norm, bias) : status;
}

/* The slopes are [channels], or [channels, 1, 1]. */
enum status onnx_walk_prelu(struct onnx_walk *walk, const char *layer)
{
    const Onnx__NodeProto *node;
    const Onnx__TensorProto *slope;
    size_t count;
    enum status status = onnx_walk_takers(walk, &node, 1, "PRelu alone takes it");
    if (status == STATUS_OK) {
        status = onnx_walk_follow(walk, node, "PRelu");
    }
    if (status == STATUS_OK) {
        status = onnx_walk_array(walk, node, 1, &slope, &count);
    }
    if (status == STATUS_OK && (count != walk->channels || slope->n_dims == 0 ||
                                (slope->n_dims > 1 && slope->dims[slope->n_dims - 1] != 1))) {
        status = onnx_walk_refuse_node(walk, node, "its slopes are not of a number for each channel");
    }
    return status == STATUS_OK
               ? onnx_walk_add(walk, layer, "weight", NULL, count, (struct onnx_source){.array = slope})
               : status;
}

enum status onnx_walk_only_conv(struct onnx_walk *walk, const char *conv, const char *norm, int64_t stride)
{
    const Onnx__NodeProto *node;
    enum status status = onnx_walk_takers(walk, &node, 1, "a convolution alone takes it");
    return status == STATUS_OK ? onnx_walk_conv(walk, node, conv, norm, 3, stride) : status;
}
