/* The network as its passes see it: layers bound to their parameters, statistics and activations.
 *
 * Kept for the backward pass are only the convolutions' outputs and the blocks' outputs; what normalisation
 * and PReLU make of them exists nowhere: the convolutions compute it as they read. With `recompute` only the
 * blocks' outputs are kept; each block convolves again before its turn in the backward pass. In an inference
 * network the kept tensors share a few buffers.
 */
#ifndef DAIL_WORKER_NN_IRESNET_GRAPH_H
#define DAIL_WORKER_NN_IRESNET_GRAPH_H

#include "worker/nn/arena.h"
#include "worker/nn/batchnorm.h"
#include "worker/nn/conv/conv.h"
#include "worker/nn/linear.h"
#include "worker/nn/parameter_table.h"
#include "worker/nn/profile.h"

struct conv_layer {
    struct conv *plan; /* NULL: absent */
    const float *weight; /* HWIO */
    float *grad_weight;
    size_t number; /* among the layers of a profile */
};

struct prelu_layer {
    const float *slope; /* [channels] */
    float *grad_slope;
};

/* output = bn3(conv2(prelu(bn2(conv1(bn1(input)))))) + shortcut, with the shortcut either the input or
 * downsample_norm(downsample(input)). Tensors are [batch][side][side][channels]. */
struct basic_block {
    char name[32];
    int side_in, side_out, channels_in, channels_out;
    struct batchnorm bn1, bn2, bn3, downsample_norm;
    struct conv_layer conv1, conv2, downsample;
    struct prelu_layer prelu;
    const float *input; /* [batch][side_in][side_in][channels_in] */
    float *conv1_output; /* [batch][side_in][side_in][channels_out] */
    float *conv2_output; /* [batch][side_out][side_out][channels_out] */
    float *downsample_output; /* the same shape; NULL without downsample */
    float *output; /* the same shape */
    size_t weight_begin, weight_end; /* of the block's parameters in the weight vector */
};

struct iresnet {
    struct dimensions dimensions;
    struct parameter_table table;
    int threads, batch_max;
    enum isa isa;
    bool train, recompute;
    struct profile *profile; /* the caller's, or NULL */

    struct arena arena;
    float *weights, *gradient; /* [table.weight_count] */
    float *statistics, *batch_statistics; /* [table.statistic_count] */
    struct pass_context context;
    void *scratch; /* of whichever convolution or linear layer is at work */

    struct conv_layer stem_conv;
    struct batchnorm stem_norm;
    struct prelu_layer stem_prelu;
    float *image; /* [batch][input][input][3]: the last forward pass's, copied */
    float *stem_conv_output; /* [batch][input][input][channels] */
    float *stem_output; /* the same shape */

    struct basic_block *blocks;
    size_t block_count;

    struct batchnorm head_norm; /* bn2 */
    float *dropout_mask; /* [batch][dropout_count]: the last forward pass's, copied */
    bool dropped;
    float *fc_input; /* [batch][side_last][side_last][channels] */
    const float *fc_weight, *fc_bias;
    size_t fc_number; /* among the layers of a profile */
    float *grad_fc_weight, *grad_fc_bias;
    float *fc_output; /* [batch][embedding] */
    struct batchnorm features; /* its weight fixed at 1 */

    /* The backward pass's work space: gradients. */
    float *swap[2]; /* of the inputs of the blocks of even and of odd index: [batch_max] of the largest */
    float *wide; /* of what is inside a block, [batch_max] of the largest input or middle */
    float *narrow; /* of a block's last convolution, [batch_max] of the largest output */
};

/* Names the layers, makes the convolution plans. On failure iresnet_free releases what was made. */
enum status iresnet_build(struct iresnet *net, const struct iresnet_config *config, enum isa isa,
                          struct error *error);
/* Gives every tensor its place (see arena.h: to be called twice) and binds the layers to theirs. */
void iresnet_layout(struct iresnet *net, size_t scratch_bytes);
/* The largest scratch that a layer asks for. */
size_t iresnet_scratch(const struct iresnet *net);
/* What all convolutions hold. */
size_t iresnet_conv_memory(const struct iresnet *net);

/* The last layer but its weights. */
struct linear iresnet_linear(const struct iresnet *net);

/* Counts the layers as a profile does. */
void iresnet_number_layers(struct iresnet *net);

/* With net->recompute, for the backward pass: a block's convolutions again, or the stem's (block NULL), with
 * the statistics in use. */
void iresnet_recompute(struct iresnet *net, struct basic_block *block, int batch,
                       const struct iresnet_hooks *hooks);

/* Whether the sums over a convolution's gradient with so many channels are taken while it is written. With
 * few channels the convolution itself is near the memory's limit, and a pass of its own, which reads both
 * tensors in one stream, is faster (batch 16: 64 channels at 112x112 4 ms instead of 7, at 56x56 1.0 and 1.8;
 * 128 at 28x28 1.0 and 0.8; 256 at 14x14 0.5 and 0.4). */
bool iresnet_visits_gradient(int channels);

/* Between two layers of a pass. */
void iresnet_pause(const struct iresnet_hooks *hooks);

#endif
