/* InsightFace's iresnet: stem (conv 3x3 3->64, BN, PReLU), four layers of basic blocks (BN, conv, BN, PReLU,
 * conv with the stride, BN, plus identity or 1x1 conv + BN), BN, dropout, FC, BN with its weight fixed at 1.
 *
 * Trained parameters live in one flat vector, gradients and momenta in vectors of the same layout, ordered so
 * that the backward pass completes the gradient from the vector's end to its beginning. Running statistics
 * live in a second flat vector. Layouts in these vectors are the network's own; parameter_to_file and
 * parameter_from_file translate to PyTorch's shapes and orders.
 */
#ifndef DAIL_WORKER_NN_IRESNET_H
#define DAIL_WORKER_NN_IRESNET_H

#include "proto/config/network.h"
#include "proto/error.h"
#include "worker/nn/conv/conv.h"
#include "worker/nn/profile.h"
#include "worker/parameter/parameter.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The convolutions' algorithms. All compute the same to rounding; the slower ones are to compare with. */
enum iresnet_kernels {
    IRESNET_KERNELS_FAST, /* the fastest for each shape (conv.c) */
    IRESNET_KERNELS_GEMM, /* matrix products alone, no Winograd */
    IRESNET_KERNELS_REFERENCE /* plain loops summing in double */
};

struct iresnet_config {
    struct network network;
    int batch_max; /* images of a micro-batch */
    int threads;
    int micro_batches; /* between two changes of the weights; 0: many. With one, what the convolutions make of
                          the weights is not kept: each pass makes it in the common scratch. */
    bool train; /* false: no memory for gradients and the backward pass */
    bool recompute; /* keep only what blocks hand on; the rest is computed again
                       when the backward pass needs it, to the same bits */
    enum iresnet_kernels kernels;
};

struct iresnet;

/* STATUS_USAGE for an unknown arch or a bad size; STATUS_INTERNAL when memory runs out. */
enum status iresnet_create(const struct iresnet_config *config, struct iresnet **net, struct error *error);
void iresnet_free(struct iresnet *net);

/* Every parameter in InsightFace's state_dict order (num_batches_tracked left out). */
const struct parameter *iresnet_parameters(const struct iresnet *net, size_t *count);

/* Trained and constant values together: r18 24,025,600 at width 1, input 112, D 512. */
size_t iresnet_parameter_count(const struct iresnet *net);
size_t iresnet_weight_count(const struct iresnet *net); /* floats in the weight vector */
size_t iresnet_statistic_count(const struct iresnet *net); /* floats in the statistics vector */
size_t iresnet_memory_bytes(const struct iresnet *net); /* all that the network allocated */
int iresnet_embedding(const struct iresnet *net);

/* The vectors, owned by the network. gradient is NULL unless `train`. After writing to the weights call
 * iresnet_weights_changed, which renews what is derived from them. The weights are zero until iresnet_init or
 * parameter_from_file. */
float *iresnet_weights(struct iresnet *net);
float *iresnet_gradient(struct iresnet *net);
float *iresnet_statistics(struct iresnet *net);
/* Sums over the micro-batches since iresnet_zero_gradient of the batch mean and unbiased variance, in the
 * statistics vector's layout. NULL unless `train`. */
float *iresnet_batch_statistics(struct iresnet *net);
void iresnet_weights_changed(struct iresnet *net);

/* The same as the group "backbone", without momenta. */
struct parameter_group iresnet_parameter_group(struct iresnet *net);

/* Initial weights: conv N(0, 0.1), BN 1 and 0, PReLU 0.25, FC uniform as PyTorch's Linear
 * (bound 1/sqrt(fan in) for weight and bias); running mean 0, variance 1. */
void iresnet_init(struct iresnet *net, uint64_t seed);

/* Handed to a pass: called between layers (exchange progress, heartbeats). May be NULL. */
typedef void (*iresnet_between)(void *context);
/* Handed to the backward pass: gradient[begin, end) is final for this micro-batch, and everything behind
 * `end` was reported before. May be NULL. */
typedef void (*iresnet_ready)(void *context, size_t begin, size_t end);

struct iresnet_hooks {
    iresnet_between between;
    iresnet_ready ready;
    void *context;
};

/* One micro-batch in training mode: batch statistics, dropout with `dropout_mask` [batch][last width*h*w in
 * PyTorch's C,H,W order] holding 0 or 1/(1-p) (NULL: no dropout).
 * image f32 [batch,H,W,3] (NHWC), embedding f32 [batch,D]. Keeps what the backward pass needs; image and mask
 * are copied. */
void iresnet_forward(struct iresnet *net, int batch, const float *image, const float *dropout_mask,
                     float *embedding, const struct iresnet_hooks *hooks);
/* Length of one sample's dropout mask. */
size_t iresnet_dropout_count(const struct iresnet *net);

/* The backward pass of the last iresnet_forward: adds to the gradient vector.
 * grad_embedding f32 [batch,D]. */
void iresnet_backward(struct iresnet *net, int batch, const float *grad_embedding,
                      const struct iresnet_hooks *hooks);

/* Sets the gradient and batch statistics to zero: at the beginning of a step. */
void iresnet_zero_gradient(struct iresnet *net);

/* Inference with the running statistics. Same shapes. It uses the forward pass's memory: no iresnet_backward
 * after it without a new iresnet_forward. */
void iresnet_infer(struct iresnet *net, int batch, const float *image, float *embedding,
                   const struct iresnet_hooks *hooks);

/* running = 0.9 running + 0.1 batch_statistics / lanes: once a step, after their exchange. */
void iresnet_update_statistics(struct iresnet *net, int lanes);

/* A layer as a profile counts it: a convolution with what prepares its input, a block's end with its second
 * one; last the linear layer, with the normalisations around it. */
struct iresnet_layer {
    char name[64]; /* its weight's, without ".weight" */
    bool convolution; /* false: the linear layer, which has neither shape nor algorithm */
    struct conv_shape shape;
    enum conv_algorithm algorithm;
    double direct[CONV_PASSES], actual[CONV_PASSES]; /* floating-point operations, see conv_operations */
    /* Bytes of activations and of their gradients that a step (without recomputing) reads and writes for it;
     * and those that it must: the operands and results of the convolutions, and what the residual sum adds.
     */
    double moved, least;
};

size_t iresnet_layer_count(const struct iresnet *net);
/* Layer `number` as a micro-batch of `batch` images finds it. */
void iresnet_layer_at(const struct iresnet *net, size_t number, int batch, struct iresnet_layer *layer);
/* Where later training passes add their times; NULL: nowhere. */
void iresnet_set_profile(struct iresnet *net, struct profile *profile);

#endif
