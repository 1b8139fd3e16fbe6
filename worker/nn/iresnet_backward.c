#include "worker/nn/iresnet_graph.h"

#include "worker/nn/dropout.h"
#include "worker/nn/linear.h"
#include "worker/nn/prelu.h"
#include "worker/nn/residual.h"

struct backward {
    struct iresnet *net;
    const struct iresnet_hooks *hooks;
    int batch;
    float *gradient; /* of the output of the layer to come: in one of net->swap */
    float *spare; /* the other */
};

static size_t rows_of(const struct backward *pass, int side)
{
    return (size_t)pass->batch * (size_t)side * (size_t)side;
}

static void report_ready(const struct backward *pass, size_t begin, size_t end)
{
    if (pass->hooks && pass->hooks->ready)
        pass->hooks->ready(pass->hooks->context, begin, end);
    iresnet_pause(pass->hooks);
}

/* grad_input may be NULL: then nobody below needs it. */
static void convolve_back(const struct backward *pass, const struct conv_layer *layer, const float *input,
                          const float *grad_output, float *grad_input)
{
    void *scratch = pass->net->conv_scratch;
    conv_backward_weight(layer->plan, pass->batch, input, grad_output, layer->grad_weight, scratch);
    profile_lap(pass->net->profile, layer->number, PROFILE_CONV_BACKWARD_WEIGHT);
    iresnet_pause(pass->hooks);
    if (grad_input) {
        conv_backward_data(layer->plan, pass->batch, grad_output, grad_input, scratch);
        profile_lap(pass->net->profile, layer->number, PROFILE_CONV_BACKWARD_DATA);
        iresnet_pause(pass->hooks);
    }
}

/* grad_embedding [batch][D] -> pass->gradient [batch][side_last][side_last][channels]. */
static void backward_head(struct backward *pass, const float *grad_embedding)
{
    struct iresnet *net = pass->net;
    const struct dimensions *dimensions = &net->dimensions;
    int positions = dimensions->side_last * dimensions->side_last;
    int channels = dimensions->widths[IRESNET_LAYERS - 1];
    float *grad_fc_output = net->narrow;

    batchnorm_backward(&net->context, &net->features, (size_t)pass->batch, net->fc_output, grad_embedding,
                       NULL, grad_fc_output);
    profile_lap(net->profile, net->fc_number, PROFILE_BETWEEN);
    linear_backward(net->threads, pass->batch, positions * channels, dimensions->embedding, net->fc_input,
                    net->fc_weight, grad_fc_output, net->grad_fc_weight, net->grad_fc_bias, pass->gradient);
    profile_lap(net->profile, net->fc_number, PROFILE_LINEAR);
    size_t fc_begin = (size_t)(net->fc_weight - net->weights);
    report_ready(pass, fc_begin, net->table.weight_count);

    if (net->dropped)
        dropout_backward(net->threads, pass->batch, positions, channels, net->dropout_mask, pass->gradient);
    batchnorm_backward(&net->context, &net->head_norm, rows_of(pass, dimensions->side_last),
                       net->blocks[net->block_count - 1].output, pass->gradient, NULL, pass->gradient);
    profile_lap(net->profile, net->fc_number, PROFILE_BETWEEN);
    report_ready(pass, (size_t)(net->head_norm.weight - net->weights), fc_begin);
}

/* pass->gradient: of block->output going in, of block->input coming out. */
static void backward_block(struct backward *pass, const struct basic_block *block)
{
    struct iresnet *net = pass->net;
    const struct pass_context *context = &net->context;
    size_t rows_in = rows_of(pass, block->side_in), rows_out = rows_of(pass, block->side_out);
    float *operand = pass->spare, *grad_shortcut = pass->gradient;

    residual_backward(context, &block->bn3, rows_out, block->conv2_output, block->downsample_output,
                      block->downsample.plan ? &block->downsample_norm : NULL, pass->gradient, net->narrow,
                      grad_shortcut);
    prelu_forward(context, &block->bn2, block->prelu.slope, rows_in, block->conv1_output, operand, NULL);
    profile_lap(net->profile, block->conv2.number, PROFILE_BETWEEN);
    iresnet_pause(pass->hooks);
    convolve_back(pass, &block->conv2, operand, net->narrow, net->wide);
    prelu_backward(context, &block->bn2, block->prelu.slope, block->prelu.grad_slope, rows_in,
                   block->conv1_output, net->wide, net->wide);
    batchnorm_forward(context, &block->bn1, rows_in, block->input, operand);
    profile_lap(net->profile, block->conv1.number, PROFILE_BETWEEN);
    iresnet_pause(pass->hooks);
    convolve_back(pass, &block->conv1, operand, net->wide, pass->spare);
    if (block->downsample.plan) {
        convolve_back(pass, &block->downsample, block->input, pass->gradient, net->wide);
        grad_shortcut = net->wide;
    }
    batchnorm_backward(context, &block->bn1, rows_in, block->input, pass->spare, grad_shortcut, pass->spare);
    profile_lap(net->profile, block->conv1.number, PROFILE_BETWEEN);

    float *done = pass->gradient;
    pass->gradient = pass->spare;
    pass->spare = done;
    report_ready(pass, block->weight_begin, block->weight_end);
}

static void backward_stem(struct backward *pass)
{
    struct iresnet *net = pass->net;
    prelu_backward(&net->context, &net->stem_norm, net->stem_prelu.slope, net->stem_prelu.grad_slope,
                   rows_of(pass, net->dimensions.input), net->stem_conv_output, pass->gradient,
                   pass->gradient);
    profile_lap(net->profile, net->stem_conv.number, PROFILE_BETWEEN);
    convolve_back(pass, &net->stem_conv, net->image, pass->gradient, NULL);
    report_ready(pass, 0, net->blocks[0].weight_begin);
}

void iresnet_backward(struct iresnet *net, int batch, const float *grad_embedding,
                      const struct iresnet_hooks *hooks)
{
    struct backward pass = {
        .net = net, .hooks = hooks, .batch = batch, .gradient = net->swap[0], .spare = net->swap[1]};
    profile_start(net->profile);
    backward_head(&pass, grad_embedding);
    for (size_t i = net->block_count; i-- > 0;)
        backward_block(&pass, &net->blocks[i]);
    backward_stem(&pass);
}
