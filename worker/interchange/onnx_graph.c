#include "worker/interchange/onnx_graph.h"

#include "worker/interchange/onnx.h"
#include "worker/nn/batchnorm.h"
#include "worker/nn/dimensions.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_SIZE 128 /* of an array */
#define LAYER_SIZE 64
/* As PyTorch's normalize: what is shorter is divided by this. */
#define NORM_LEAST 1e-12f

static const char description[] =
    "A face's embedding. data: RGB, channels first, x / 127.5 - 1. Faces are alike by the cosine of their "
    "embeddings.";

struct graph {
    const struct backbone *backbone;
    const struct onnx_graph_options *options;
    struct dimensions dimensions;
    struct onnx_model *model;
    bool failed; /* memory ran out */
    char last[LAYER_SIZE]; /* what the next node takes */
};

/* A batch normalisation in inference: scale * x + shift, by channel. */
struct affine {
    size_t channels;
    double *scale, *shift;
};

/* --- Values --- */

static const struct parameter *find(const struct graph *graph, const char *layer, const char *name)
{
    char full[NAME_SIZE];
    size_t count;
    const struct parameter *parameters = iresnet_parameters(graph->backbone->net, &count);
    snprintf(full, sizeof full, "%s.%s", layer, name);
    while (strcmp(parameters->name, full) != 0) {
        parameters++;
    }
    return parameters;
}

static void copy_values(const struct graph *graph, const struct parameter *parameter, float *values)
{
    const struct parameter_group group = iresnet_parameter_group(graph->backbone->net);
    parameter_to_file(parameter, parameter_group_values(&group, parameter), values);
}

/* Adds a parameter as an array of its own shape, or of [channels, 1, 1]; returns its values. */
static float *add_parameter(struct graph *graph, const struct parameter *parameter, bool per_channel)
{
    const size_t channels[3] = {parameter->count, 1, 1};
    float *values = per_channel
                        ? onnx_add_array(graph->model, parameter->name, 3, channels)
                        : onnx_add_array(graph->model, parameter->name, parameter->rank, parameter->shape);
    if (values) {
        copy_values(graph, parameter, values);
    }
    return values;
}

static double *affine_part(struct graph *graph, const char *layer, const char *name, float *buffer)
{
    const struct parameter *parameter = find(graph, layer, name);
    double *values = malloc(parameter->count * sizeof *values);
    if (!values) {
        return NULL;
    }
    copy_values(graph, parameter, buffer);
    for (size_t i = 0; i < parameter->count; i++) {
        values[i] = (double)buffer[i];
    }
    return values;
}

/* The caller calls affine_free; what memory did not suffice for is a graph that failed. */
static struct affine affine_of(struct graph *graph, const char *layer)
{
    struct affine affine = {.channels = find(graph, layer, "weight")->count};
    float *buffer = malloc(affine.channels * sizeof *buffer);
    affine.scale = buffer ? affine_part(graph, layer, "weight", buffer) : NULL;
    affine.shift = buffer ? affine_part(graph, layer, "bias", buffer) : NULL;
    double *mean = buffer ? affine_part(graph, layer, "running_mean", buffer) : NULL;
    double *variance = buffer ? affine_part(graph, layer, "running_var", buffer) : NULL;
    if (affine.scale && affine.shift && mean && variance) {
        for (size_t c = 0; c < affine.channels; c++) {
            affine.scale[c] /= sqrt(variance[c] + BATCHNORM_EPSILON);
            affine.shift[c] -= mean[c] * affine.scale[c];
        }
    } else {
        graph->failed = true;
    }
    free(buffer);
    free(mean);
    free(variance);
    return affine;
}

static void affine_free(struct affine *affine)
{
    free(affine->scale);
    free(affine->shift);
}

/* --- Nodes --- */

/* A node that takes the last one's output and some arrays "<output>.<name>". */
static void add_node(struct graph *graph, const char *operator, const char * output,
                     const char *const *arrays, size_t count)
{
    char names[4][NAME_SIZE];
    const char *inputs[5] = {graph->last};
    for (size_t i = 0; i < count; i++) {
        snprintf(names[i], sizeof names[i], "%s.%s", output, arrays[i]);
        inputs[i + 1] = names[i];
    }
    onnx_add_node(graph->model, operator, output, inputs, count + 1);
    snprintf(graph->last, sizeof graph->last, "%s", output);
}

static void add_norm(struct graph *graph, const char *layer)
{
    static const char *const arrays[] = {"weight", "bias", "running_mean", "running_var"};
    for (size_t i = 0; i < 4; i++) {
        add_parameter(graph, find(graph, layer, arrays[i]), false);
    }
    add_node(graph, "BatchNormalization", layer, arrays, 4);
    onnx_set_float(graph->model, "epsilon", (float)BATCHNORM_EPSILON);
}

/* The weights of a convolution with what follows it folded in: scaled by output channel, and a bias. */
static void fold_behind(struct graph *graph, const struct parameter *weight, const char *layer,
                        const char *norm, float *values)
{
    char name[NAME_SIZE];
    struct affine affine = affine_of(graph, norm);
    snprintf(name, sizeof name, "%s.bias", layer);
    float *bias = onnx_add_array(graph->model, name, 1, &affine.channels);
    size_t row = weight->count / affine.channels;
    for (size_t c = 0; c < affine.channels && !graph->failed && bias && values; c++) {
        for (size_t i = 0; i < row; i++) {
            values[c * row + i] = (float)((double)values[c * row + i] * affine.scale[c]);
        }
        bias[c] = (float)affine.shift[c];
    }
    affine_free(&affine);
}

/* A convolution and the batch normalisation behind it. */
static void add_conv(struct graph *graph, const char *layer, int64_t stride, const char *norm)
{
    static const char *const arrays[] = {"weight", "bias"};
    const struct parameter *weight = find(graph, layer, "weight");
    int64_t kernel = (int64_t)weight->shape[2], pad = kernel / 2;
    float *values = add_parameter(graph, weight, false);
    if (graph->options->fold) {
        fold_behind(graph, weight, layer, norm, values);
    }
    add_node(graph, "Conv", layer, arrays, graph->options->fold ? 2 : 1);
    onnx_set_ints(graph->model, "kernel_shape", (int64_t[]){kernel, kernel}, 2);
    onnx_set_ints(graph->model, "strides", (int64_t[]){stride, stride}, 2);
    onnx_set_ints(graph->model, "pads", (int64_t[]){pad, pad, pad, pad}, 4);
    if (!graph->options->fold) {
        add_norm(graph, norm);
    }
}

static void add_prelu(struct graph *graph, const char *layer)
{
    static const char *const arrays[] = {"weight"};
    add_parameter(graph, find(graph, layer, "weight"), true);
    add_node(graph, "PRelu", layer, arrays, 1);
}

static void name_layer(char *name, const char *block, const char *layer)
{
    snprintf(name, LAYER_SIZE, "%s.%s", block, layer);
}

/* output = bn3(conv2(prelu(bn2(conv1(bn1(input)))))) + shortcut, see iresnet_graph.h. */
static void add_block(struct graph *graph, const char *block, bool first)
{
    char input[LAYER_SIZE], main_path[LAYER_SIZE], layer[LAYER_SIZE], norm[LAYER_SIZE];
    snprintf(input, sizeof input, "%s", graph->last);
    name_layer(layer, block, "bn1");
    add_norm(graph, layer);
    name_layer(layer, block, "conv1");
    name_layer(norm, block, "bn2");
    add_conv(graph, layer, 1, norm);
    name_layer(layer, block, "prelu");
    add_prelu(graph, layer);
    name_layer(layer, block, "conv2");
    name_layer(norm, block, "bn3");
    add_conv(graph, layer, first ? 2 : 1, norm);
    snprintf(main_path, sizeof main_path, "%s", graph->last);
    snprintf(graph->last, sizeof graph->last, "%s", input);
    if (first) {
        name_layer(layer, block, "downsample.0");
        name_layer(norm, block, "downsample.1");
        add_conv(graph, layer, 2, norm);
    }
    onnx_add_node(graph->model, "Add", block, (const char *const[]){main_path, graph->last}, 2);
    snprintf(graph->last, sizeof graph->last, "%s", block);
}

/* --- The last layer --- */

/* Folds the batch normalisations before and behind the last layer into it: of weight [D, channels * places],
 * before by input channel, behind by row. */
static void fold_around(struct graph *graph, const struct parameter *weight, float *values, float *bias)
{
    struct affine before = affine_of(graph, "bn2"), behind = affine_of(graph, "features");
    size_t rows = weight->shape[0], row = weight->shape[1], places = row / before.channels;
    for (size_t d = 0; d < rows && !graph->failed && values && bias; d++) {
        double sum = (double)bias[d];
        for (size_t i = 0; i < row; i++) {
            float *value = &values[d * row + i];
            sum += (double)*value * before.shift[i / places];
            *value = (float)((double)*value * before.scale[i / places] * behind.scale[d]);
        }
        bias[d] = (float)(sum * behind.scale[d] + behind.shift[d]);
    }
    affine_free(&before);
    affine_free(&behind);
}

static void add_end(struct graph *graph)
{
    static const char *const arrays[] = {"weight", "bias"};
    bool fold = graph->options->fold;
    if (!fold) {
        add_norm(graph, "bn2");
    }
    add_node(graph, "Flatten", "flatten", NULL, 0);
    onnx_set_int(graph->model, "axis", 1);
    float *weight = add_parameter(graph, find(graph, "fc", "weight"), false);
    float *bias = add_parameter(graph, find(graph, "fc", "bias"), false);
    if (fold) {
        fold_around(graph, find(graph, "fc", "weight"), weight, bias);
    }
    add_node(graph, "Gemm", "fc", arrays, 2);
    onnx_set_int(graph->model, "transB", 1);
    if (!fold) {
        add_norm(graph, "features");
    }
}

/* Length 1: x / max(|x|, NORM_LEAST). */
static void add_normalize(struct graph *graph)
{
    char raw[LAYER_SIZE];
    static const char *const arrays[] = {"least"};
    snprintf(raw, sizeof raw, "%s", graph->last);
    add_node(graph, "ReduceL2", "length", NULL, 0);
    onnx_set_ints(graph->model, "axes", (int64_t[]){1}, 1);
    onnx_set_int(graph->model, "keepdims", 1);
    float *least = onnx_add_array(graph->model, "divisor.least", 0, NULL);
    if (least) {
        *least = NORM_LEAST;
    }
    add_node(graph, "Clip", "divisor", arrays, 1);
    onnx_add_node(graph->model, "Div", "normalized", (const char *const[]){raw, graph->last}, 2);
}

/* --- The whole --- */

static void add_properties(struct graph *graph)
{
    const struct checkpoint_state *state = &graph->backbone->state;
    char step[32], width[32];
    snprintf(step, sizeof step, "%lld", (long long)state->step);
    snprintf(width, sizeof width, "%g", state->network.width);
    onnx_add_property(graph->model, "arch", state->network.arch);
    onnx_add_property(graph->model, "width", width);
    onnx_add_property(graph->model, "step", step);
    onnx_add_property(graph->model, "normalized", graph->options->normalize ? "1" : "0");
}

static void add_network(struct graph *graph)
{
    const int64_t side = graph->dimensions.input, embedding = graph->dimensions.embedding;
    onnx_add_input(graph->model, "data", 3, (int64_t[]){3, side, side});
    snprintf(graph->last, sizeof graph->last, "data");
    add_conv(graph, "conv1", 1, "bn1");
    add_prelu(graph, "prelu");
    for (int layer = 0; layer < IRESNET_LAYERS; layer++) {
        for (int index = 0; index < graph->dimensions.blocks[layer]; index++) {
            char block[32];
            snprintf(block, sizeof block, "layer%d.%d", layer + 1, index);
            add_block(graph, block, index == 0);
        }
    }
    add_end(graph);
    if (graph->options->normalize) {
        add_normalize(graph);
    }
    onnx_rename_node(graph->model, "embedding");
    onnx_add_output(graph->model, "embedding", 1, &embedding);
}

enum status onnx_graph_write(const struct backbone *backbone, const struct onnx_graph_options *options,
                             const char *path, struct error *error)
{
    const struct checkpoint_state *state = &backbone->state;
    const struct iresnet_config config = {.network = state->network, .batch_max = 1, .threads = 1};
    struct graph graph = {
        .backbone = backbone, .options = options, .model = onnx_create(state->network.arch, description)};
    if (!graph.model) {
        return error_no_memory(error, path);
    }
    enum status status = dimensions_of(&config, &graph.dimensions, error);
    if (status == STATUS_OK) {
        add_properties(&graph);
        add_network(&graph);
        status = graph.failed ? error_no_memory(error, path) : onnx_write(graph.model, path, error);
    }
    onnx_free(graph.model);
    return status;
}
