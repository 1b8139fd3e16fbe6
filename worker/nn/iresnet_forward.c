#include "worker/nn/iresnet_graph.h"

#include "worker/nn/dropout.h"
#include "worker/nn/prelu.h"
#include "worker/nn/residual.h"

#include <string.h>

struct forward {
    struct iresnet *net;
    const struct iresnet_hooks *hooks;
    int batch;
    enum { STATISTICS_MEASURED, STATISTICS_RUNNING, STATISTICS_KEPT } statistics;
};

static size_t rows_of(const struct forward *pass, int side)
{
    return (size_t)pass->batch * (size_t)side * (size_t)side;
}

/* The normalisation that a pass measures for: in inference there is none to measure for. */
static const struct batchnorm *measured(const struct forward *pass, const struct batchnorm *next)
{
    if (pass->statistics == STATISTICS_MEASURED) {
        return next;
    }
    batchnorm_recall(next);
    return NULL;
}

/* Takes the output's statistics into use by `norm`, which reads it; rows: of the output. */
static void convolve(const struct forward *pass, const struct conv_layer *layer,
                     const struct conv_input *input, float *output, const struct batchnorm *norm, size_t rows)
{
    struct iresnet *net = pass->net;
    struct batchnorm_watch watch;
    const struct conv_visitor *visitor = NULL;
    if (pass->statistics == STATISTICS_MEASURED) {
        batchnorm_watch_prepare(&watch, &net->context, norm, output);
        pass_visit_begin(&watch.visit);
        visitor = &watch.visit.visitor;
    }
    conv_forward(layer->plan, pass->batch, input, output, visitor, net->scratch);
    if (pass->statistics == STATISTICS_MEASURED) {
        batchnorm_watch_end(&watch, rows);
    } else if (pass->statistics == STATISTICS_RUNNING) {
        batchnorm_recall(norm);
    }
    profile_lap(net->profile, layer->number, PROFILE_CONV_FORWARD);
    iresnet_pause(pass->hooks);
}

static void convolve_stem(const struct forward *pass, const float *image)
{
    struct iresnet *net = pass->net;
    struct conv_input input = {.values = image};
    convolve(pass, &net->stem_conv, &input, net->stem_conv_output, &net->stem_norm,
             rows_of(pass, net->dimensions.input));
}

/* image [batch][input][input][3] -> net->stem_output, measured for `next`. */
static void forward_stem(const struct forward *pass, const float *image, const struct batchnorm *next)
{
    struct iresnet *net = pass->net;
    size_t rows = rows_of(pass, net->dimensions.input);
    convolve_stem(pass, image);
    prelu_forward(&net->context, &net->stem_norm, net->stem_prelu.slope, rows, net->stem_conv_output,
                  net->stem_output, measured(pass, next));
    profile_lap(net->profile, net->stem_conv.number, PROFILE_BETWEEN);
    iresnet_pause(pass->hooks);
}

/* block->input, whose statistics bn1 has -> the outputs of the block's convolutions. */
static void convolve_block(const struct forward *pass, struct basic_block *block)
{
    size_t rows_in = rows_of(pass, block->side_in), rows_out = rows_of(pass, block->side_out);
    struct nn_affine affine1 = batchnorm_affine(&block->bn1), affine2 = batchnorm_affine(&block->bn2);
    struct conv_input input = {.values = block->input, .normalise = &affine1};
    struct conv_input middle = {
        .values = block->conv1_output, .normalise = &affine2, .prelu = block->prelu.slope};
    convolve(pass, &block->conv1, &input, block->conv1_output, &block->bn2, rows_in);
    convolve(pass, &block->conv2, &middle, block->conv2_output, &block->bn3, rows_out);
    if (block->downsample.plan) {
        input.normalise = NULL;
        convolve(pass, &block->downsample, &input, block->downsample_output, &block->downsample_norm,
                 rows_out);
    }
}

/* block->input, whose statistics bn1 has -> block->output, measured for `next`. */
static void forward_block(const struct forward *pass, struct basic_block *block, const struct batchnorm *next)
{
    struct iresnet *net = pass->net;
    bool downsample = block->downsample.plan;
    convolve_block(pass, block);
    residual_forward(&net->context, &block->bn3, rows_of(pass, block->side_out), block->conv2_output,
                     downsample ? block->downsample_output : block->input,
                     downsample ? &block->downsample_norm : NULL, block->output, measured(pass, next));
    profile_lap(net->profile, block->conv2.number, PROFILE_BETWEEN);
    iresnet_pause(pass->hooks);
}

/* The last block's output, whose statistics head_norm has -> embedding [batch][D]. */
static void forward_head(const struct forward *pass, float *embedding)
{
    struct iresnet *net = pass->net;
    const struct dimensions *dimensions = &net->dimensions;
    int positions = dimensions->side_last * dimensions->side_last;
    int channels = dimensions->widths[IRESNET_LAYERS - 1];
    size_t rows = rows_of(pass, dimensions->side_last);
    const float *input = net->blocks[net->block_count - 1].output;

    batchnorm_forward(&net->context, &net->head_norm, rows, input, net->fc_input);
    bool train = pass->statistics == STATISTICS_MEASURED;
    if (train && net->dropped) {
        dropout_forward(net->threads, pass->batch, positions, channels, net->dropout_mask, net->fc_input);
    }
    profile_lap(net->profile, net->fc_number, PROFILE_BETWEEN);
    struct linear linear = iresnet_linear(net);
    linear_forward(&linear, pass->batch, net->fc_input, net->fc_weight, net->fc_bias, net->fc_output);
    profile_lap(net->profile, net->fc_number, PROFILE_LINEAR);
    iresnet_pause(pass->hooks);
    if (train) {
        batchnorm_measure(&net->context, &net->features, (size_t)pass->batch, net->fc_output);
    } else {
        batchnorm_recall(&net->features);
    }
    batchnorm_forward(&net->context, &net->features, (size_t)pass->batch, net->fc_output, embedding);
    profile_lap(net->profile, net->fc_number, PROFILE_BETWEEN);
}

static void run(const struct forward *pass, const float *image, float *embedding)
{
    struct iresnet *net = pass->net;
    profile_start(net->profile);
    forward_stem(pass, image, &net->blocks[0].bn1);
    for (size_t i = 0; i < net->block_count; i++) {
        const struct batchnorm *next = i + 1 < net->block_count ? &net->blocks[i + 1].bn1 : &net->head_norm;
        forward_block(pass, &net->blocks[i], next);
    }
    forward_head(pass, embedding);
}

void iresnet_forward(struct iresnet *net, int batch, const float *image, const float *dropout_mask,
                     float *embedding, const struct iresnet_hooks *hooks)
{
    struct forward pass = {.net = net, .hooks = hooks, .batch = batch, .statistics = STATISTICS_MEASURED};
    size_t pixels = rows_of(&pass, net->dimensions.input) * 3;
    memcpy(net->image, image, pixels * sizeof *image);
    net->dropped = dropout_mask;
    if (dropout_mask) {
        memcpy(net->dropout_mask, dropout_mask,
               (size_t)batch * iresnet_dropout_count(net) * sizeof *dropout_mask);
    }
    run(&pass, net->image, embedding);
}

void iresnet_infer(struct iresnet *net, int batch, const float *image, float *embedding,
                   const struct iresnet_hooks *hooks)
{
    struct forward pass = {.net = net, .hooks = hooks, .batch = batch, .statistics = STATISTICS_RUNNING};
    run(&pass, image, embedding);
}

void iresnet_recompute(struct iresnet *net, struct basic_block *block, int batch,
                       const struct iresnet_hooks *hooks)
{
    struct forward pass = {.net = net, .hooks = hooks, .batch = batch, .statistics = STATISTICS_KEPT};
    if (block) {
        convolve_block(&pass, block);
    } else {
        convolve_stem(&pass, net->image);
    }
}
