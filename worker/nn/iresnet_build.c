#include "worker/nn/iresnet_graph.h"

#include <stdio.h>
#include <stdlib.h>

/* --- Shapes and plans --- */

struct planner {
    enum conv_algorithm algorithm;
    enum isa isa;
    int batch_max, threads;
    bool frugal;
};

static enum conv_algorithm algorithm_of(enum iresnet_kernels kernels)
{
    switch (kernels) {
    case IRESNET_KERNELS_GEMM:
        return CONV_GEMM;
    case IRESNET_KERNELS_REFERENCE:
        return CONV_REFERENCE;
    case IRESNET_KERNELS_FAST:
        break;
    }
    return CONV_AUTO;
}

static enum status plan_conv(const struct planner *planner, int side, int in, int out, int kernel, int stride,
                             struct conv_layer *layer, struct error *error)
{
    struct conv_shape shape = {
        .height = side,
        .width = side,
        .channels_in = in,
        .channels_out = out,
        .kernel = kernel,
        .stride = stride,
    };
    return conv_create(&shape, planner->algorithm, planner->isa, planner->batch_max, planner->threads,
                       planner->frugal, &layer->plan, error);
}

static enum status plan_block(const struct planner *planner, struct basic_block *block, struct error *error)
{
    int side = block->side_in, stride = block->side_in / block->side_out;
    int in = block->channels_in, out = block->channels_out;
    enum status status = plan_conv(planner, side, in, out, 3, 1, &block->conv1, error);
    if (status == STATUS_OK) {
        status = plan_conv(planner, side, out, out, 3, stride, &block->conv2, error);
    }
    if (status == STATUS_OK && stride != 1) {
        status = plan_conv(planner, side, in, out, 1, stride, &block->downsample, error);
    }
    return status;
}

static enum status plan_blocks(struct iresnet *net, const struct planner *planner, struct error *error)
{
    const struct dimensions *dimensions = &net->dimensions;
    int side = dimensions->input, channels = dimensions->widths[0];
    size_t at = 0;
    for (int layer = 0; layer < IRESNET_LAYERS; layer++) {
        for (int index = 0; index < dimensions->blocks[layer]; index++) {
            struct basic_block *block = &net->blocks[at++];
            snprintf(block->name, sizeof block->name, "layer%d.%d", layer + 1, index);
            block->side_in = side;
            block->channels_in = channels;
            side = index == 0 ? side / 2 : side;
            channels = dimensions->widths[layer];
            block->side_out = side;
            block->channels_out = channels;
            enum status status = plan_block(planner, block, error);
            if (status != STATUS_OK) {
                return status;
            }
        }
    }
    return STATUS_OK;
}

enum status iresnet_build(struct iresnet *net, const struct iresnet_config *config, enum isa isa,
                          struct error *error)
{
    struct planner planner = {
        .algorithm = algorithm_of(config->kernels),
        .isa = isa,
        .batch_max = config->batch_max,
        .threads = config->threads,
        .frugal = config->recompute || config->micro_batches == 1,
    };
    enum status status = parameter_table_build(&net->dimensions, &net->table, error);
    if (status != STATUS_OK) {
        return status;
    }
    for (int layer = 0; layer < IRESNET_LAYERS; layer++) {
        net->block_count += (size_t)net->dimensions.blocks[layer];
    }
    net->blocks = calloc(net->block_count, sizeof *net->blocks);
    if (!net->blocks) {
        return error_no_memory(error, "network's layers");
    }
    status = plan_conv(&planner, net->dimensions.input, 3, net->dimensions.widths[0], 3, 1, &net->stem_conv,
                       error);
    if (status == STATUS_OK) {
        status = plan_blocks(net, &planner, error);
    }
    iresnet_number_layers(net);
    return status;
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

size_t iresnet_scratch(const struct iresnet *net)
{
    size_t largest = larger(conv_scratch_bytes(net->stem_conv.plan), linear_buffer_bytes(net->threads));
    for (size_t i = 0; i < net->block_count; i++) {
        const struct basic_block *block = &net->blocks[i];
        const struct conv *plans[] = {block->conv1.plan, block->conv2.plan, block->downsample.plan};
        for (size_t k = 0; k < sizeof plans / sizeof plans[0]; k++) {
            largest = larger(largest, plans[k] ? conv_scratch_bytes(plans[k]) : 0);
        }
    }
    return largest;
}

size_t iresnet_conv_memory(const struct iresnet *net)
{
    size_t sum = conv_memory_bytes(net->stem_conv.plan);
    for (size_t i = 0; i < net->block_count; i++) {
        const struct basic_block *block = &net->blocks[i];
        sum += conv_memory_bytes(block->conv1.plan) + conv_memory_bytes(block->conv2.plan);
        sum += block->downsample.plan ? conv_memory_bytes(block->downsample.plan) : 0;
    }
    return sum;
}

/* --- Binding to the vectors --- */

static size_t offset_of(const struct iresnet *net, const char *block, const char *name)
{
    return parameter_find(&net->table, block, name)->offset;
}

static float *gradient_at(const struct iresnet *net, size_t offset)
{
    return net->train ? net->gradient + offset : NULL;
}

static void bind_conv(const struct iresnet *net, const char *block, const char *name,
                      struct conv_layer *layer)
{
    size_t offset = offset_of(net, block, name);
    layer->weight = net->weights + offset;
    layer->grad_weight = gradient_at(net, offset);
}

static void bind_prelu(const struct iresnet *net, const char *block, struct prelu_layer *layer)
{
    size_t offset = offset_of(net, block, "prelu.weight");
    layer->slope = net->weights + offset;
    layer->grad_slope = gradient_at(net, offset);
}

static void bind_norm(const struct iresnet *net, const char *block, const char *name, struct batchnorm *norm)
{
    char full[32];
    snprintf(full, sizeof full, "%s.weight", name);
    const struct parameter *weight = parameter_find(&net->table, block, full);
    norm->channels = (int)weight->count;
    if (weight->kind == PARAMETER_TRAINED) {
        norm->weight = net->weights + weight->offset;
        norm->grad_weight = gradient_at(net, weight->offset);
    }
    snprintf(full, sizeof full, "%s.bias", name);
    size_t bias = offset_of(net, block, full);
    norm->bias = net->weights + bias;
    norm->grad_bias = gradient_at(net, bias);
    snprintf(full, sizeof full, "%s.running_mean", name);
    size_t mean = offset_of(net, block, full);
    snprintf(full, sizeof full, "%s.running_var", name);
    size_t variance = offset_of(net, block, full);
    norm->running_mean = net->statistics + mean;
    norm->running_variance = net->statistics + variance;
    norm->batch_mean = net->train ? net->batch_statistics + mean : NULL;
    norm->batch_variance = net->train ? net->batch_statistics + variance : NULL;
}

static void bind_block(const struct iresnet *net, struct basic_block *block)
{
    bind_norm(net, block->name, "bn1", &block->bn1);
    bind_conv(net, block->name, "conv1.weight", &block->conv1);
    bind_norm(net, block->name, "bn2", &block->bn2);
    bind_prelu(net, block->name, &block->prelu);
    bind_conv(net, block->name, "conv2.weight", &block->conv2);
    bind_norm(net, block->name, "bn3", &block->bn3);
    const char *last = "bn3.bias";
    if (block->downsample.plan) {
        bind_conv(net, block->name, "downsample.0.weight", &block->downsample);
        bind_norm(net, block->name, "downsample.1", &block->downsample_norm);
        last = "downsample.1.bias";
    }
    block->weight_begin = offset_of(net, block->name, "bn1.weight");
    block->weight_end = offset_of(net, block->name, last) + (size_t)block->channels_out;
}

static void bind(struct iresnet *net)
{
    bind_conv(net, "", "conv1.weight", &net->stem_conv);
    bind_norm(net, "", "bn1", &net->stem_norm);
    bind_prelu(net, "", &net->stem_prelu);
    for (size_t i = 0; i < net->block_count; i++) {
        bind_block(net, &net->blocks[i]);
    }
    bind_norm(net, "", "bn2", &net->head_norm);
    size_t weight = offset_of(net, "", "fc.weight"), bias = offset_of(net, "", "fc.bias");
    net->fc_weight = net->weights + weight;
    net->fc_bias = net->weights + bias;
    net->grad_fc_weight = gradient_at(net, weight);
    net->grad_fc_bias = gradient_at(net, bias);
    bind_norm(net, "", "features", &net->features);
}

/* --- Memory --- */

static float *take(struct iresnet *net, size_t count)
{
    return arena_take(&net->arena, count, sizeof(float));
}

static void take_norm(struct iresnet *net, struct batchnorm *norm, int channels)
{
    norm->mean = take(net, (size_t)channels);
    norm->inverse = take(net, (size_t)channels);
    norm->scale = take(net, (size_t)channels);
}

static void take_norms(struct iresnet *net)
{
    take_norm(net, &net->stem_norm, net->dimensions.widths[0]);
    for (size_t i = 0; i < net->block_count; i++) {
        struct basic_block *block = &net->blocks[i];
        take_norm(net, &block->bn1, block->channels_in);
        take_norm(net, &block->bn2, block->channels_out);
        take_norm(net, &block->bn3, block->channels_out);
        if (block->downsample.plan) {
            take_norm(net, &block->downsample_norm, block->channels_out);
        }
    }
    take_norm(net, &net->head_norm, net->dimensions.widths[IRESNET_LAYERS - 1]);
    take_norm(net, &net->features, net->dimensions.embedding);
}

static void take_context(struct iresnet *net)
{
    struct pass_context *context = &net->context;
    int channels = net->dimensions.embedding;
    for (int layer = 0; layer < IRESNET_LAYERS; layer++) {
        channels = channels > net->dimensions.widths[layer] ? channels : net->dimensions.widths[layer];
    }
    context->threads = net->threads;
    context->channels_max = (channels + 15) / 16 * 16;
    size_t count = (size_t)context->channels_max;
    size_t all = (size_t)net->threads * PASS_SUMS_MAX * count;
    context->block_sums = take(net, all);
    context->thread_sums = arena_take(&net->arena, all, sizeof(double));
    for (int k = 0; k < PASS_SUMS_MAX; k++) {
        context->sums[k] = arena_take(&net->arena, count, sizeof(double));
    }
    context->pending = arena_take(&net->arena, (size_t)net->threads, sizeof *context->pending);
    context->pivot = take(net, count);
    context->offset = take(net, count);
    context->slope = take(net, count);
}

static size_t tensor(const struct iresnet *net, int side, int channels)
{
    return (size_t)net->batch_max * (size_t)side * (size_t)side * (size_t)channels;
}

static size_t maximum(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* What convolutions write, each tensor in its own place. */
static void take_inner(struct iresnet *net)
{
    net->stem_conv_output = take(net, tensor(net, net->dimensions.input, net->dimensions.widths[0]));
    for (size_t i = 0; i < net->block_count; i++) {
        struct basic_block *block = &net->blocks[i];
        size_t out = tensor(net, block->side_out, block->channels_out);
        block->conv1_output = take(net, tensor(net, block->side_in, block->channels_out));
        block->conv2_output = take(net, out);
        block->downsample_output = block->downsample.plan ? take(net, out) : NULL;
    }
}

/* The same for all blocks and the stem in one place: each writes it anew when it is its turn. */
static void share_inner(struct iresnet *net, size_t widest, size_t narrowest)
{
    float *middle = take(net, widest), *end = take(net, narrowest), *shortcut = take(net, narrowest);
    net->stem_conv_output = middle;
    for (size_t i = 0; i < net->block_count; i++) {
        struct basic_block *block = &net->blocks[i];
        block->conv1_output = middle;
        block->conv2_output = end;
        block->downsample_output = block->downsample.plan ? shortcut : NULL;
    }
}

/* What the backward pass reads. */
static void take_kept(struct iresnet *net, size_t widest, size_t narrowest)
{
    const struct dimensions *dimensions = &net->dimensions;
    net->image = take(net, tensor(net, dimensions->input, 3));
    net->stem_output = take(net, tensor(net, dimensions->input, dimensions->widths[0]));
    for (size_t i = 0; i < net->block_count; i++) {
        struct basic_block *block = &net->blocks[i];
        block->output = take(net, tensor(net, block->side_out, block->channels_out));
    }
    if (net->recompute) {
        share_inner(net, widest, narrowest);
    } else {
        take_inner(net);
    }
    net->dropout_mask = take(net, tensor(net, dimensions->side_last, dimensions->widths[IRESNET_LAYERS - 1]));
}

/* Inference: no tensor outlives the block that reads it. */
static void take_shared(struct iresnet *net, size_t widest, size_t narrowest)
{
    float *outputs[2] = {take(net, widest), take(net, narrowest)};
    net->stem_output = outputs[0];
    for (size_t i = 0; i < net->block_count; i++) {
        net->blocks[i].output = outputs[(i + 1) % 2];
    }
    share_inner(net, widest, narrowest);
}

/* Of the gradients of what the blocks hand on, two are in use at a time. */
static void take_gradients(struct iresnet *net)
{
    const struct basic_block *last = &net->blocks[net->block_count - 1];
    size_t largest[2] = {0};
    for (size_t i = 0; i < net->block_count; i++) {
        const struct basic_block *block = &net->blocks[i];
        largest[i % 2] = maximum(largest[i % 2], tensor(net, block->side_in, block->channels_in));
    }
    size_t end = net->block_count % 2;
    largest[end] = maximum(largest[end], tensor(net, last->side_out, last->channels_out));
    for (int i = 0; i < 2; i++) {
        net->swap[i] = take(net, largest[i]);
    }
}

static void take_activations(struct iresnet *net)
{
    size_t widest = tensor(net, net->dimensions.input, net->dimensions.widths[0]), narrowest = 0;
    for (size_t i = 0; i < net->block_count; i++) {
        const struct basic_block *block = &net->blocks[i];
        int channels = block->channels_in > block->channels_out ? block->channels_in : block->channels_out;
        widest = maximum(widest, tensor(net, block->side_in, channels));
        narrowest = maximum(narrowest, tensor(net, block->side_out, block->channels_out));
    }
    /* The last layer's gradient passes through the narrow one too. */
    narrowest = maximum(narrowest, (size_t)net->batch_max * (size_t)net->dimensions.embedding);
    if (net->train) {
        take_gradients(net);
        net->wide = take(net, widest);
        net->narrow = take(net, narrowest);
        take_kept(net, widest, narrowest);
    } else {
        take_shared(net, widest, narrowest);
    }
    const float *input = net->stem_output;
    for (size_t i = 0; i < net->block_count; i++) {
        net->blocks[i].input = input;
        input = net->blocks[i].output;
    }
    net->fc_input = take(net, (size_t)net->batch_max * iresnet_dropout_count(net));
    net->fc_output = take(net, (size_t)net->batch_max * (size_t)net->dimensions.embedding);
}

void iresnet_layout(struct iresnet *net, size_t scratch_bytes)
{
    net->weights = take(net, net->table.weight_count);
    net->statistics = take(net, net->table.statistic_count);
    if (net->train) {
        net->gradient = take(net, net->table.weight_count);
        net->batch_statistics = take(net, net->table.statistic_count);
    }
    take_context(net);
    take_norms(net);
    take_activations(net);
    net->scratch = arena_take(&net->arena, scratch_bytes, 1);
    if (net->arena.base) {
        bind(net);
    }
}
