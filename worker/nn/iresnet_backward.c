#include "worker/nn/iresnet_graph.h"

#include "worker/nn/dropout.h"
#include "worker/nn/prelu.h"
#include "worker/nn/residual.h"

struct backward {
    struct iresnet *net;
    const struct iresnet_hooks *hooks;
    int batch;
    /* The layer below the one at work: it visits its output's gradient while that is written. */
    struct residual_backward block_below;
    struct prelu_backward stem_below;
};

static size_t rows_of(const struct backward *pass, int side)
{
    return (size_t)pass->batch * (size_t)side * (size_t)side;
}

static void report_ready(const struct backward *pass, size_t begin, size_t end)
{
    if (pass->hooks && pass->hooks->ready) {
        pass->hooks->ready(pass->hooks->context, begin, end);
    }
    iresnet_pause(pass->hooks);
}

/* The gradient of the output of block `index`; of the stem's for -1. */
static float *gradient_of(const struct backward *pass, size_t index)
{
    return pass->net->swap[(index + 1) % 2];
}

static void convolve_weight(const struct backward *pass, const struct conv_layer *layer,
                            const struct conv_input *input, const float *grad_output)
{
    struct iresnet *net = pass->net;
    conv_backward_weight(layer->plan, pass->batch, input, grad_output, layer->grad_weight, net->scratch);
    profile_lap(net->profile, layer->number, PROFILE_CONV_BACKWARD_WEIGHT);
    iresnet_pause(pass->hooks);
}

/* visit (may be NULL) of grad_input, whose rows are `rows`. */
static void convolve_data(const struct backward *pass, const struct conv_layer *layer,
                          const float *grad_output, float *grad_input, struct pass_visit *visit, size_t rows)
{
    struct iresnet *net = pass->net;
    bool along = visit && iresnet_visits_gradient(visit->channels);
    if (along) {
        pass_visit_begin(visit);
    }
    conv_backward_data(layer->plan, pass->batch, grad_output, grad_input, along ? &visit->visitor : NULL,
                       net->scratch);
    profile_lap(net->profile, layer->number, PROFILE_CONV_BACKWARD_DATA);
    if (visit && !along) {
        pass_visit_all(visit, rows);
        profile_lap(net->profile, layer->number, PROFILE_BETWEEN);
    }
    iresnet_pause(pass->hooks);
}

/* The visit of the gradient of what block `index` reads by the block below it, or by the stem. */
static struct pass_visit *prepare_below(struct backward *pass, size_t index)
{
    struct iresnet *net = pass->net;
    const float *gradient = gradient_of(pass, index - 1);
    if (index == 0) {
        prelu_backward_prepare(&pass->stem_below, &net->context, &net->stem_norm, net->stem_prelu.slope,
                               net->stem_prelu.grad_slope, net->stem_conv_output, gradient);
        return &pass->stem_below.visit;
    }
    const struct basic_block *block = &net->blocks[index - 1];
    residual_backward_prepare(&pass->block_below, &net->context, &block->bn3, block->conv2_output,
                              block->downsample_output,
                              block->downsample.plan ? &block->downsample_norm : NULL, gradient);
    return &pass->block_below.visit;
}

/* The same where the block below is as the forward pass left it; NULL where it must be computed again first.
 */
static struct pass_visit *visit_below(struct backward *pass, size_t index)
{
    return pass->net->recompute ? NULL : prepare_below(pass, index);
}

/* What visit_below put off, after the gradient of what block `index` reads was written. */
static void visit_late(struct backward *pass, size_t index)
{
    struct iresnet *net = pass->net;
    if (!net->recompute) {
        return;
    }
    struct basic_block *below = index > 0 ? &net->blocks[index - 1] : NULL;
    iresnet_recompute(net, below, pass->batch, pass->hooks);
    pass_visit_all(prepare_below(pass, index),
                   rows_of(pass, below ? below->side_out : net->dimensions.input));
    profile_lap(net->profile, below ? below->conv2.number : net->stem_conv.number, PROFILE_BETWEEN);
}

/* grad_embedding [batch][D] -> the gradient of the last block's output. */
static void backward_head(struct backward *pass, const float *grad_embedding)
{
    struct iresnet *net = pass->net;
    const struct dimensions *dimensions = &net->dimensions;
    int positions = dimensions->side_last * dimensions->side_last;
    int channels = dimensions->widths[IRESNET_LAYERS - 1];
    size_t last = net->block_count - 1;
    float *grad_fc_output = net->narrow, *gradient = gradient_of(pass, last);

    batchnorm_backward(&net->context, &net->features, (size_t)pass->batch, net->fc_output, grad_embedding,
                       NULL, grad_fc_output, NULL);
    profile_lap(net->profile, net->fc_number, PROFILE_BETWEEN);
    struct linear linear = iresnet_linear(net);
    linear_backward(&linear, pass->batch, net->fc_input, net->fc_weight, grad_fc_output, net->grad_fc_weight,
                    net->grad_fc_bias, gradient);
    profile_lap(net->profile, net->fc_number, PROFILE_LINEAR);
    size_t fc_begin = (size_t)(net->fc_weight - net->weights);
    report_ready(pass, fc_begin, net->table.weight_count);

    if (net->dropped) {
        dropout_backward(net->threads, pass->batch, positions, channels, net->dropout_mask, gradient);
    }
    batchnorm_backward(&net->context, &net->head_norm, rows_of(pass, dimensions->side_last),
                       net->blocks[last].output, gradient, NULL, gradient,
                       visit_below(pass, net->block_count));
    profile_lap(net->profile, net->fc_number, PROFILE_BETWEEN);
    report_ready(pass, (size_t)(net->head_norm.weight - net->weights), fc_begin);
    visit_late(pass, net->block_count);
}

/* The gradient of block `index`'s output -> that of its input. */
static void backward_block(struct backward *pass, size_t index)
{
    struct iresnet *net = pass->net;
    const struct basic_block *block = &net->blocks[index];
    size_t rows_in = rows_of(pass, block->side_in), rows_out = rows_of(pass, block->side_out);
    float *grad_output = gradient_of(pass, index), *grad_input = gradient_of(pass, index - 1);
    const float *grad_shortcut = grad_output;
    struct nn_affine affine1 = batchnorm_affine(&block->bn1), affine2 = batchnorm_affine(&block->bn2);
    struct conv_input input = {.values = block->input, .normalise = &affine1};
    struct conv_input middle = {
        .values = block->conv1_output, .normalise = &affine2, .prelu = block->prelu.slope};

    residual_backward_end(&pass->block_below, rows_out, net->narrow, grad_output);
    profile_lap(net->profile, block->conv2.number, PROFILE_BETWEEN);
    iresnet_pause(pass->hooks);

    struct prelu_backward prelu;
    prelu_backward_prepare(&prelu, &net->context, &block->bn2, block->prelu.slope, block->prelu.grad_slope,
                           block->conv1_output, net->wide);
    convolve_weight(pass, &block->conv2, &middle, net->narrow);
    convolve_data(pass, &block->conv2, net->narrow, net->wide, &prelu.visit, rows_in);
    prelu_backward_end(&prelu, rows_in, net->wide);
    profile_lap(net->profile, block->conv1.number, PROFILE_BETWEEN);
    iresnet_pause(pass->hooks);

    struct batchnorm_backward norm;
    batchnorm_backward_prepare(&norm, &net->context, &block->bn1, block->input, grad_input);
    convolve_weight(pass, &block->conv1, &input, net->wide);
    convolve_data(pass, &block->conv1, net->wide, grad_input, &norm.visit, rows_in);
    if (block->downsample.plan) {
        input.normalise = NULL;
        convolve_weight(pass, &block->downsample, &input, grad_output);
        convolve_data(pass, &block->downsample, grad_output, net->wide, NULL, 0);
        grad_shortcut = net->wide;
    }
    batchnorm_backward_end(&norm, rows_in, grad_shortcut, grad_input, visit_below(pass, index));
    profile_lap(net->profile, block->conv1.number, PROFILE_BETWEEN);
    report_ready(pass, block->weight_begin, block->weight_end);
    visit_late(pass, index);
}

static void backward_stem(struct backward *pass)
{
    struct iresnet *net = pass->net;
    float *gradient = net->swap[0];
    struct conv_input input = {.values = net->image};
    prelu_backward_end(&pass->stem_below, rows_of(pass, net->dimensions.input), gradient);
    profile_lap(net->profile, net->stem_conv.number, PROFILE_BETWEEN);
    convolve_weight(pass, &net->stem_conv, &input, gradient);
    report_ready(pass, 0, net->blocks[0].weight_begin);
}

void iresnet_backward(struct iresnet *net, int batch, const float *grad_embedding,
                      const struct iresnet_hooks *hooks)
{
    struct backward pass = {.net = net, .hooks = hooks, .batch = batch};
    profile_start(net->profile);
    backward_head(&pass, grad_embedding);
    for (size_t i = net->block_count; i-- > 0;) {
        backward_block(&pass, i);
    }
    backward_stem(&pass);
}
