/* The network's layers as a profile counts them: the stem, each block's convolutions, the last layer. */
#include "worker/nn/iresnet_graph.h"

#include <stdio.h>

/* Multiplications and additions of a multiplication matrix by matrix. */
#define OPERATIONS 2.0

void iresnet_number_layers(struct iresnet *net)
{
    size_t next = 0;
    net->stem_conv.number = next++;
    for (size_t i = 0; i < net->block_count; i++) {
        struct basic_block *block = &net->blocks[i];
        block->conv1.number = next++;
        block->conv2.number = next++;
        if (block->downsample.plan) {
            block->downsample.number = next++;
        }
    }
    net->fc_number = next;
}

size_t iresnet_layer_count(const struct iresnet *net)
{
    return net->fc_number + 1;
}

void iresnet_set_profile(struct iresnet *net, struct profile *profile)
{
    net->profile = profile;
}

static void describe(const struct conv_layer *layer, int batch, const char *block, const char *name,
                     struct iresnet_layer *result)
{
    snprintf(result->name, sizeof result->name, "%s%s%s", block, block[0] ? "." : "", name);
    result->convolution = true;
    result->shape = *conv_shape_of(layer->plan);
    result->algorithm = conv_algorithm_of(layer->plan);
    for (int pass = 0; pass < CONV_PASSES; pass++) {
        result->direct[pass] = conv_operations_direct(&result->shape, batch);
        result->actual[pass] = conv_operations(layer->plan, (enum conv_pass)pass, batch);
    }
}

/* Bytes of a tensor of a micro-batch. */
static double tensor(int batch, int side, int channels)
{
    return (double)sizeof(float) * batch * side * side * channels;
}

/* Every pass of a convolution reads two tensors or reads one and writes one: `in` and `out`. */
static void count_traffic(struct iresnet_layer *layer, double in, double out, double visited, double between,
                          double shortcut)
{
    layer->least = CONV_PASSES * (in + out) + shortcut;
    layer->moved = layer->least + visited + between;
}

/* The stem: its convolution's output is read again and written activated; backward it is visited for its
 * sums, and the gradient passes once more. The image has no gradient. */
static void count_stem(const struct iresnet *net, int batch, struct iresnet_layer *layer)
{
    const struct conv_shape *shape = &layer->shape;
    double in = tensor(batch, shape->height, shape->channels_in);
    double out = tensor(batch, net->dimensions.input, shape->channels_out);
    count_traffic(layer, in, out, out, 2 * out + 3 * out, 0);
    layer->moved -= in + out;
    layer->least -= in + out;
}

/* What the sums over a gradient that a convolution has written read: the activation it belongs to, and, in a
 * pass of their own, the gradient too. */
static double sums(int channels, double size)
{
    return iresnet_visits_gradient(channels) ? size : 2 * size;
}

/* Visits (README, "Passes over memory") read the activation that a gradient belongs to while the gradient is
 * in the cache; each pass between reads gradient and activation and writes a gradient, the last of a block
 * also the shortcut's gradient. */
static void count_block(const struct basic_block *block, int batch, size_t number,
                        struct iresnet_layer *layer)
{
    double in = tensor(batch, block->side_in, block->channels_in);
    double middle = tensor(batch, block->side_in, block->channels_out);
    double out = tensor(batch, block->side_out, block->channels_out);
    bool downsampled = block->downsample.plan;
    if (number == block->conv1.number) {
        count_traffic(layer, in, middle, sums(block->channels_in, in), 3 * middle + 4 * in, 0);
    } else if (number == block->conv2.number) {
        count_traffic(layer, middle, out, sums(block->channels_out, middle) + out, 2 * out + 3 * out,
                      downsampled ? 0 : in);
    } else {
        count_traffic(layer, in, out, out, 2 * out, out);
    }
}

static void describe_linear(const struct iresnet *net, int batch, struct iresnet_layer *result)
{
    const struct dimensions *dimensions = &net->dimensions;
    snprintf(result->name, sizeof result->name, "fc");
    double operations = OPERATIONS * (double)iresnet_dropout_count(net) * dimensions->embedding * batch;
    for (int pass = 0; pass < CONV_PASSES; pass++) {
        result->direct[pass] = result->actual[pass] = operations;
    }
}

static void describe_stem(const struct iresnet *net, int batch, struct iresnet_layer *result)
{
    describe(&net->stem_conv, batch, "", "conv1", result);
    count_stem(net, batch, result);
    result->direct[CONV_BACKWARD_DATA] = 0; /* nobody needs the gradient of the image */
    result->actual[CONV_BACKWARD_DATA] = 0;
}

static void describe_block(const struct basic_block *block, size_t number, int batch,
                           struct iresnet_layer *result)
{
    if (number == block->conv1.number) {
        describe(&block->conv1, batch, block->name, "conv1", result);
    } else if (number == block->conv2.number) {
        describe(&block->conv2, batch, block->name, "conv2", result);
    } else {
        describe(&block->downsample, batch, block->name, "downsample.0", result);
    }
    count_block(block, batch, number, result);
}

void iresnet_layer_at(const struct iresnet *net, size_t number, int batch, struct iresnet_layer *result)
{
    *result = (struct iresnet_layer){0};
    if (number == net->fc_number) {
        describe_linear(net, batch, result);
        return;
    }
    size_t block = net->block_count; /* the last one that begins at `number` or before */
    while (block > 0 && net->blocks[block - 1].conv1.number > number) {
        block--;
    }
    if (block == 0) {
        describe_stem(net, batch, result);
    } else {
        describe_block(&net->blocks[block - 1], number, batch, result);
    }
}
