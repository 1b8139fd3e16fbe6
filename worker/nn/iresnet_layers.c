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
        if (block->downsample.plan)
            block->downsample.number = next++;
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

static void describe_linear(const struct iresnet *net, int batch, struct iresnet_layer *result)
{
    const struct dimensions *dimensions = &net->dimensions;
    snprintf(result->name, sizeof result->name, "fc");
    double operations = OPERATIONS * (double)iresnet_dropout_count(net) * dimensions->embedding * batch;
    for (int pass = 0; pass < CONV_PASSES; pass++)
        result->direct[pass] = result->actual[pass] = operations;
}

void iresnet_layer_at(const struct iresnet *net, size_t number, int batch, struct iresnet_layer *result)
{
    *result = (struct iresnet_layer){0};
    if (number == net->fc_number)
        describe_linear(net, batch, result);
    else if (number == net->stem_conv.number)
        describe(&net->stem_conv, batch, "", "conv1", result);
    for (size_t i = 0; i < net->block_count; i++) {
        const struct basic_block *block = &net->blocks[i];
        if (number == block->conv1.number)
            describe(&block->conv1, batch, block->name, "conv1", result);
        if (number == block->conv2.number)
            describe(&block->conv2, batch, block->name, "conv2", result);
        if (block->downsample.plan && number == block->downsample.number)
            describe(&block->downsample, batch, block->name, "downsample.0", result);
    }
    if (number == net->stem_conv.number) { /* nobody needs the gradient of the image */
        result->direct[CONV_BACKWARD_DATA] = 0;
        result->actual[CONV_BACKWARD_DATA] = 0;
    }
}
