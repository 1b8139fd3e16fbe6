/* Batch normalisation over the rows of a tensor [rows][channels] (NHWC: rows = batch * height * width).
 *
 * z = (x - mean) / sqrt(variance + 1e-5) * weight + bias, in training with the micro-batch's mean and biased
 * variance, in inference with the running ones. The normalised tensor is not kept: the backward pass computes
 * it again from the input.
 */
#ifndef DAIL_WORKER_NN_BATCHNORM_H
#define DAIL_WORKER_NN_BATCHNORM_H

#include "worker/nn/pass.h"

#define BATCHNORM_EPSILON 1e-5

/* All arrays are [channels] and the owner's. */
struct batchnorm {
    int channels;
    const float *weight; /* NULL: fixed at 1 */
    const float *bias;
    float *grad_weight, *grad_bias; /* added to; grad_weight NULL where weight is */
    const float *running_mean, *running_variance;
    float *batch_mean, *batch_variance; /* the micro-batch's mean and unbiased variance are added to these */
    float *mean, *inverse, *scale; /* in use: mean, 1 / sqrt(variance + eps), weight * inverse */
};

/* Training: measures input [rows][channels] and takes its statistics into use. */
void batchnorm_measure(const struct pass_context *context, const struct batchnorm *norm, size_t rows,
                       const float *input);
/* The same for a tensor while it is written: watch.visit visits it, between the two calls. */
struct batchnorm_watch {
    struct pass_visit visit;
    const struct batchnorm *norm;
    const float *tensor;
};
void batchnorm_watch_prepare(struct batchnorm_watch *watch, const struct pass_context *context,
                             const struct batchnorm *norm, const float *tensor);
void batchnorm_watch_end(const struct batchnorm_watch *watch, size_t rows);

/* Inference: takes the running statistics into use. */
void batchnorm_recall(const struct batchnorm *norm);
/* For passes that measure what they wrote, input [rows][channels]: takes its statistics into use. The context's
 * first two sums are those over the rows of x - pivot and of its square. Where they are of no use, the tensor
 * is measured again: where rows are few, and where a channel's mean lies so far from its `pivot` [channels]
 * that its variance would lose digits. */
void batchnorm_take_moments(const struct pass_context *context, const struct batchnorm *norm, size_t rows,
                            const float *input, const float *pivot);

struct nn_affine batchnorm_affine(const struct batchnorm *norm);

/* input [rows][channels] -> output [rows][channels], with the statistics in use. */
void batchnorm_forward(const struct pass_context *context, const struct batchnorm *norm, size_t rows,
                       const float *input, float *output);

/* input as in the forward pass; grad_output, grad_input [rows][channels] (may be the same memory). addend
 * [rows][channels] is added to grad_input (the gradient of another branch that shares the input); may be
 * NULL, may be grad_input. below (may be NULL) visits grad_input while it is written. Adds to
 * norm->grad_weight and norm->grad_bias. */
void batchnorm_backward(const struct pass_context *context, const struct batchnorm *norm, size_t rows,
                        const float *input, const float *grad_output, const float *addend, float *grad_input,
                        struct pass_visit *below);

/* The same in two halves, between which pass.visit visits grad_output while it is written. The second half
 * writes grad_input. */
struct batchnorm_backward {
    struct pass_visit visit;
    const struct batchnorm *norm;
    const float *input, *grad_output;
};
void batchnorm_backward_prepare(struct batchnorm_backward *pass, const struct pass_context *context,
                                const struct batchnorm *norm, const float *input, const float *grad_output);
void batchnorm_backward_end(const struct batchnorm_backward *pass, size_t rows, const float *addend,
                            float *grad_input, struct pass_visit *below);

/* The second half alone, after the sums over the rows of g and of g * (x - mean). */
void batchnorm_backward_apply(const struct pass_context *context, const struct batchnorm *norm, size_t rows,
                              const double *sum, const double *product, const float *input,
                              const float *grad_output, const float *addend, float *grad_input,
                              struct pass_visit *below);

/* From the sums over the rows of g and of g * (x - mean): adds to the parameters' gradients and gives the
 * coefficients of the input's gradient, which point into the context. */
struct nn_gradient batchnorm_gradient(const struct pass_context *context, const struct batchnorm *norm,
                                      size_t rows, const double *sum, const double *product);

#endif
