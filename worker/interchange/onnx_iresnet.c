#include "worker/interchange/onnx_iresnet.h"

#include "worker/interchange/onnx_walk.h"
#include "worker/nn/dimensions.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCKS_MAX 256
#define LAYER_SIZE 64
/* Nodes between a length and what is divided by it. */
#define BETWEEN_MAX 4

/* --- Blocks --- */

static void name_layer(char *name, const char *block, const char *layer)
{
    snprintf(name, LAYER_SIZE, "%.40s.%s", block, layer);
}

/* bn3(conv2(prelu(bn2(conv1(bn1(input)))))) */
static enum status follow_main_path(struct onnx_walk *walk, const char *block, const Onnx__NodeProto *first,
                                    int64_t stride)
{
    char layer[LAYER_SIZE], norm[LAYER_SIZE];
    name_layer(layer, block, "bn1");
    enum status status = onnx_walk_norm_node(walk, first, layer, NULL);
    name_layer(layer, block, "conv1");
    name_layer(norm, block, "bn2");
    if (status == STATUS_OK) {
        status = onnx_walk_only_conv(walk, layer, norm, 1);
    }
    name_layer(layer, block, "prelu");
    if (status == STATUS_OK) {
        status = onnx_walk_prelu(walk, layer);
    }
    name_layer(layer, block, "conv2");
    name_layer(norm, block, "bn3");
    return status == STATUS_OK ? onnx_walk_only_conv(walk, layer, norm, stride) : status;
}

/* The sum of the main path's end, where the walk is, and the shortcut's. */
static enum status follow_sum(struct onnx_walk *walk, const struct onnx_value *shortcut)
{
    const struct onnx_file *file = &walk->network->file;
    const struct onnx_value *sum = NULL;
    const Onnx__NodeProto *node;
    enum status status = onnx_walk_takers(walk, &node, 1, "the end of a block alone takes it");
    if (status != STATUS_OK) {
        return status;
    }
    const struct onnx_value *left = onnx_file_input(file, node, 0), *right = onnx_file_input(file, node, 1);
    if (!onnx_is(node, "Add") || node->n_input != 2 ||
        !((left == walk->at && right == shortcut) || (left == shortcut && right == walk->at))) {
        return onnx_walk_refuse_node(walk, node,
                                     "an iresnet's block ends there with the sum of its two paths");
    }
    sum = node->n_output > 0 ? onnx_file_find(file, node->output[0]) : NULL;
    if (!sum || sum->maker != node) {
        return onnx_walk_refuse_node(walk, node, "it has no output");
    }
    walk->at = sum;
    return STATUS_OK;
}

/* A block whose input both nodes take: the main path's first one, and `other`, which is its sum or, in the
 * first block of a layer, the shortcut's convolution. */
static enum status follow_block(struct onnx_walk *walk, const char *block, const Onnx__NodeProto *first,
                                const Onnx__NodeProto *other, bool reduces)
{
    char conv[LAYER_SIZE], norm[LAYER_SIZE];
    const struct onnx_value *shortcut = walk->at;
    const struct onnx_walk before = *walk;
    enum status status = STATUS_OK;
    if (reduces) {
        name_layer(conv, block, "downsample.0");
        name_layer(norm, block, "downsample.1");
        status = onnx_walk_conv(walk, other, conv, norm, 1, 2);
        shortcut = walk->at;
        walk->at = before.at;
        walk->channels = before.channels;
    }
    if (status == STATUS_OK) {
        status = follow_main_path(walk, block, first, reduces ? 2 : 1);
    }
    return status == STATUS_OK ? follow_sum(walk, shortcut) : status;
}

/* Blocks until the value at hand is taken by one node alone. */
static enum status follow_blocks(struct onnx_walk *walk)
{
    int layer = 0, index = 0;
    enum status status = STATUS_OK;
    for (int i = 0; i < BLOCKS_MAX && status == STATUS_OK && !onnx_walk_only_taker(walk); i++) {
        const Onnx__NodeProto *nodes[2];
        char block[LAYER_SIZE];
        status = onnx_walk_takers(walk, nodes, 2, "a block begins or the network ends");
        if (status != STATUS_OK) {
            return status;
        }
        const int first = onnx_is(nodes[0], "BatchNormalization") ? 0 : 1;
        const bool reduces = onnx_is(nodes[1 - first], "Conv");
        layer += reduces;
        index = reduces ? 0 : index + 1;
        if (layer == 0 || layer > IRESNET_LAYERS) {
            return onnx_walk_refuse_node(
                walk, nodes[1 - first],
                "an iresnet has four layers, which begin with blocks that halve the sides");
        }
        snprintf(block, sizeof block, "layer%d.%d", layer, index);
        status = follow_block(walk, block, nodes[first], nodes[1 - first], reduces);
    }
    return status;
}

/* --- The end --- */

/* Flatten, or Reshape to the images and what is of each: *features, or -1 where the rest is meant. */
static enum status follow_flatten(struct onnx_walk *walk, int64_t *features)
{
    const struct onnx_file *file = &walk->network->file;
    const Onnx__NodeProto *node;
    int64_t shape[ONNX_SHAPE_MAX];
    size_t count;
    *features = -1;
    enum status status = onnx_walk_takers(walk, &node, 1, "Flatten alone takes it");
    if (status != STATUS_OK) {
        return status;
    }
    if (!onnx_is(node, "Reshape")) {
        status = onnx_walk_follow(walk, node, "Flatten");
        return status == STATUS_OK && onnx_attribute_number(node, "axis", 1) != 1
                   ? onnx_walk_refuse_node(walk, node, "its axis is not 1")
                   : status;
    }
    status = onnx_walk_follow(walk, node, "Reshape");
    if (status == STATUS_OK && (!onnx_file_shape(file, onnx_file_input(file, node, 1), shape, &count) ||
                                count != 2 || (shape[1] < 1 && (shape[1] != -1 || shape[0] == -1)))) {
        status = onnx_walk_refuse_node(walk, node, "its shape is not of the images and all values of each");
    }
    *features = status == STATUS_OK ? shape[1] : -1;
    return status;
}

/* The weights of Gemm or MatMul as an array of the file; *rows: there is one for each value that it makes. */
static enum status linear_weight(struct onnx_walk *walk, const Onnx__NodeProto *node,
                                 const Onnx__TensorProto **weight, bool *rows, size_t *count)
{
    const struct onnx_value *value = onnx_file_input(&walk->network->file, node, 1);
    const Onnx__NodeProto *taker = node;
    size_t index = 1;
    *rows = onnx_is(node, "Gemm") && onnx_attribute_number(node, "transB", 0) == 1;
    if (value && value->maker && onnx_is(value->maker, "Transpose")) {
        taker = value->maker;
        index = 0;
        *rows = !*rows;
    }
    enum status status = onnx_walk_array(walk, taker, index, weight, count);
    if (status == STATUS_OK &&
        ((*weight)->n_dims != 2 || onnx_attribute_number(node, "transA", 0) != 0 ||
         onnx_attribute_float(node, "alpha", 1) != 1.0f || onnx_attribute_float(node, "beta", 1) != 1.0f)) {
        status = onnx_walk_refuse_node(walk, node, "its weights are no matrix, or alpha or beta is not 1");
    }
    return status;
}

/* What is added to MatMul's values, where something is. */
static enum status follow_add(struct onnx_walk *walk, const Onnx__TensorProto **bias)
{
    const struct onnx_file *file = &walk->network->file;
    const Onnx__NodeProto *node = onnx_walk_only_taker(walk);
    size_t count;
    *bias = NULL;
    if (!node || !onnx_is(node, "Add") || node->n_input != 2 || node->n_output == 0) {
        return STATUS_OK;
    }
    const size_t index = onnx_file_input(file, node, 0) == walk->at ? 1 : 0;
    enum status status = onnx_walk_array(walk, node, index, bias, &count);
    if (status == STATUS_OK && count != walk->channels) {
        status = onnx_walk_refuse_node(walk, node, "what it adds is not of a number for each value");
    }
    const struct onnx_value *sum = onnx_file_find(file, node->output[0]);
    if (status == STATUS_OK && (!sum || sum->maker != node)) {
        status = onnx_walk_refuse_node(walk, node, "it has no output");
    }
    walk->at = status == STATUS_OK ? sum : walk->at;
    return status;
}

/* The weights, listed as [values][features] however the file has them. */
static enum status add_linear(struct onnx_walk *walk, const Onnx__TensorProto *weight, bool rows,
                              size_t count, size_t features)
{
    int64_t dims[2] = {(int64_t)walk->channels, (int64_t)features};
    const Onnx__TensorProto shape = {.n_dims = 2, .dims = dims};
    const struct onnx_source source = {.array = weight, .transposed = !rows, .rows = walk->channels};
    return onnx_walk_add(walk, "fc", "weight", &shape, count, source);
}

static enum status follow_linear(struct onnx_walk *walk, size_t *features)
{
    const Onnx__TensorProto *weight = NULL, *bias = NULL;
    const Onnx__NodeProto *node;
    int64_t flattened;
    size_t count = 0;
    bool rows = true;
    enum status status = follow_flatten(walk, &flattened);
    if (status == STATUS_OK) {
        status = onnx_walk_takers(walk, &node, 1, "Gemm alone takes it");
    }
    if (status != STATUS_OK) {
        return status;
    }
    const bool product = onnx_is(node, "MatMul");
    status = onnx_walk_follow(walk, node, product ? "MatMul" : "Gemm");
    if (status == STATUS_OK) {
        status = linear_weight(walk, node, &weight, &rows, &count);
    }
    if (status != STATUS_OK) {
        return status;
    }
    walk->channels = (size_t)weight->dims[rows ? 0 : 1];
    *features = (size_t)weight->dims[rows ? 1 : 0];
    if (flattened > 0 && (size_t)flattened != *features) {
        return onnx_walk_refuse_node(walk, node,
                                     "it takes another number of values than the node before makes");
    }
    status = add_linear(walk, weight, rows, count, *features);
    if (status == STATUS_OK) {
        status = product ? follow_add(walk, &bias) : onnx_walk_bias(walk, node, &bias);
    }
    if (status == STATUS_OK) {
        status = onnx_walk_add(walk, "fc", "bias", NULL, walk->channels, (struct onnx_source){.array = bias});
    }
    return status == STATUS_OK ? onnx_walk_norm(walk, "features", NULL) : status;
}

/* Whether a value is made of `raw` by its length, as PyTorch's normalize does it or in one operator. */
static bool is_normalised(const struct onnx_file *file, const struct onnx_value *value,
                          const struct onnx_value *raw)
{
    const Onnx__NodeProto *node = value ? value->maker : NULL;
    if (!node || onnx_file_input(file, node, 0) != raw) {
        return false;
    }
    if (onnx_is(node, "LpNormalization")) {
        return true;
    }
    const struct onnx_value *length = onnx_is(node, "Div") ? onnx_file_input(file, node, 1) : NULL;
    for (int i = 0; i < BETWEEN_MAX && length && length->maker &&
                    (onnx_is(length->maker, "Clip") || onnx_is(length->maker, "Max") ||
                     onnx_is(length->maker, "Expand"));
         i++) {
        length = onnx_file_input(file, length->maker, 0);
    }
    return length && length->maker && onnx_is(length->maker, "ReduceL2") &&
           onnx_file_input(file, length->maker, 0) == raw;
}

static enum status check_output(struct onnx_walk *walk)
{
    const struct onnx_file *file = &walk->network->file;
    const Onnx__GraphProto *graph = file->model->graph;
    if (graph->n_output != 1) {
        return onnx_walk_refuse(walk, "the graph has %zu outputs", graph->n_output);
    }
    const struct onnx_value *output = onnx_file_find(file, graph->output[0]->name);
    if (output == walk->at || is_normalised(file, output, walk->at)) {
        return STATUS_OK;
    }
    if (output && output->maker) {
        return onnx_walk_refuse_node(walk, output->maker,
                                     "an iresnet's output is its last layer's, or that of length 1");
    }
    return onnx_walk_refuse(walk, "its output '%.100s' is not what its last layer makes",
                            graph->output[0]->name ? graph->output[0]->name : "");
}

/* --- The whole --- */

/* The side of the images that the graph says it takes; 0: any. */
static enum status input_side(struct onnx_walk *walk, const Onnx__ValueInfoProto *input, size_t *side)
{
    const Onnx__TypeProto__Tensor *tensor =
        input->type && input->type->value_case == ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE
            ? input->type->tensor_type
            : NULL;
    const Onnx__TensorShapeProto *shape = tensor ? tensor->shape : NULL;
    int64_t sides[2] = {0, 0};
    *side = 0;
    for (size_t d = 0; shape && shape->n_dim == 4 && d < 2; d++) {
        const Onnx__TensorShapeProto__Dimension *dimension = shape->dim[2 + d];
        if (dimension->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE) {
            sides[d] = dimension->dim_value;
        }
    }
    if (sides[0] != sides[1] || sides[0] < 0 || sides[0] % 16 != 0) {
        return onnx_walk_refuse(walk, "its images of %lld x %lld pixels are not square, of a multiple of 16",
                                (long long)sides[1], (long long)sides[0]);
    }
    *side = (size_t)sides[0];
    return STATUS_OK;
}

static enum status find_input(struct onnx_walk *walk, size_t *side)
{
    const struct onnx_file *file = &walk->network->file;
    const Onnx__GraphProto *graph = file->model->graph;
    const Onnx__ValueInfoProto *input = NULL;
    size_t count = 0;
    for (size_t i = 0; i < graph->n_input; i++) {
        const struct onnx_value *value = onnx_file_find(file, graph->input[i]->name);
        if (value && !value->array) {
            walk->at = value;
            input = graph->input[i];
            count++;
        }
    }
    return count == 1 ? input_side(walk, input, side)
                      : onnx_walk_refuse(walk, "the graph has %zu inputs", count);
}

static enum status walk_network(struct onnx_walk *walk)
{
    size_t side, channels = 0, features = 0;
    enum status status = find_input(walk, &side);
    if (status == STATUS_OK) {
        status = onnx_walk_only_conv(walk, "conv1", "bn1", 1);
    }
    if (status == STATUS_OK) {
        status = onnx_walk_prelu(walk, "prelu");
    }
    if (status == STATUS_OK) {
        status = follow_blocks(walk);
    }
    if (status == STATUS_OK) {
        channels = walk->channels;
        status = onnx_walk_norm(walk, "bn2", NULL);
    }
    if (status == STATUS_OK) {
        status = follow_linear(walk, &features);
    }
    if (status == STATUS_OK && side > 0 && features != channels * (side / 16) * (side / 16)) {
        status = onnx_walk_refuse(
            walk, "its last layer takes %zu values, which is not for images of %zu pixels a side", features,
            side);
    }
    return status == STATUS_OK ? check_output(walk) : status;
}

enum status onnx_iresnet_open(const char *path, struct onnx_iresnet **network, struct error *error)
{
    struct onnx_walk walk = {.network = calloc(1, sizeof **network), .channels = 3, .error = error};
    *network = NULL;
    if (!walk.network) {
        return error_no_memory(error, path);
    }
    enum status status = onnx_file_open(path, &walk.network->file, error);
    if (status == STATUS_OK) {
        status = walk_network(&walk);
    }
    if (status != STATUS_OK) {
        onnx_iresnet_close(walk.network);
        return status;
    }
    *network = walk.network;
    return STATUS_OK;
}

void onnx_iresnet_close(struct onnx_iresnet *network)
{
    if (network) {
        onnx_file_close(&network->file);
        free(network->arrays);
        free(network->sources);
        free(network);
    }
}

const struct safetensors_array *onnx_iresnet_arrays(const struct onnx_iresnet *network, size_t *count)
{
    *count = network->count;
    return network->arrays;
}

/* [columns][rows] to [rows][columns] */
static enum status transpose(float *values, size_t rows, size_t columns, const char *path,
                             struct error *error)
{
    float *copy = malloc(rows * columns * sizeof *copy);
    if (!copy) {
        return error_no_memory(error, path);
    }
    memcpy(copy, values, rows * columns * sizeof *copy);
    for (size_t r = 0; r < rows; r++) {
        for (size_t c = 0; c < columns; c++) {
            values[r * columns + c] = copy[c * rows + r];
        }
    }
    free(copy);
    return STATUS_OK;
}

static enum status take_away(const struct onnx_file *file, const Onnx__TensorProto *less, float *values,
                             size_t count, struct error *error)
{
    float *numbers = malloc(count * sizeof *numbers);
    enum status status = numbers ? onnx_file_read_array(file, less, numbers, count, error)
                                 : error_no_memory(error, file->path);
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        values[i] -= numbers[i];
    }
    free(numbers);
    return status;
}

enum status onnx_iresnet_read(const struct onnx_iresnet *network, size_t index, float *values,
                              struct error *error)
{
    const struct onnx_source *source = &network->sources[index];
    const size_t count = (size_t)network->arrays[index].count;
    enum status status = STATUS_OK;
    for (size_t i = 0; i < count; i++) {
        values[i] = source->fill;
    }
    if (source->array) {
        status = onnx_file_read_array(&network->file, source->array, values, count, error);
    }
    if (status == STATUS_OK && source->transposed) {
        status = transpose(values, source->rows, count / source->rows, network->file.path, error);
    }
    for (size_t i = 0; i < count; i++) {
        values[i] += source->more;
    }
    return status == STATUS_OK && source->less ? take_away(&network->file, source->less, values, count, error)
                                               : status;
}
