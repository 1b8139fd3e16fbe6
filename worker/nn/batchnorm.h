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
/* Inference: takes the running statistics into use. */
void batchnorm_recall(const struct batchnorm *norm);
/* For passes that measure what they write: `pivot` [channels] is near the values; sums over the rows of
 * x - pivot and of its square. */
void batchnorm_take_moments(const struct batchnorm *norm, size_t rows, const float *pivot, const double *sum,
                            const double *square);

struct nn_affine batchnorm_affine(const struct batchnorm *norm);

/* input [rows][channels] -> output [rows][channels], with the statistics in use. */
void batchnorm_forward(const struct pass_context *context, const struct batchnorm *norm, size_t rows,
                       const float *input, float *output);

/* input as in the forward pass; grad_output, grad_input [rows][channels] (may be the same memory). addend
 * [rows][channels] is added to grad_input (the gradient of another branch that shares the input); may be
 * NULL, may be grad_input. Adds to norm->grad_weight and norm->grad_bias. */
void batchnorm_backward(const struct pass_context *context, const struct batchnorm *norm, size_t rows,
                        const float *input, const float *grad_output, const float *addend, float *grad_input);

/* From the sums over the rows of g and of g * (x - mean): adds to the parameters' gradients and gives the
 * coefficients of the input's gradient, which point into the context. */
struct nn_gradient batchnorm_gradient(const struct pass_context *context, const struct batchnorm *norm,
                                      size_t rows, const double *sum, const double *product);

#endif
