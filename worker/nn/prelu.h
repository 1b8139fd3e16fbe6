/* PReLU with one slope per channel. It always follows a batch normalisation here, and the two are one pass:
 * output = z > 0 ? z : slope * z with z the normalised input. Tensors are [rows][channels] (NHWC).
 */
#ifndef DAIL_WORKER_NN_PRELU_H
#define DAIL_WORKER_NN_PRELU_H

#include "worker/nn/batchnorm.h"

/* input -> output, with the statistics that `norm` has in use. `next` (may be NULL): the normalisation that
 * reads the output; its statistics are measured on the way. slope [channels]. */
void prelu_forward(const struct pass_context *context, const struct batchnorm *norm, const float *slope,
                   size_t rows, const float *input, float *output, const struct batchnorm *next);

/* Backward of both. input: what the normalisation read; grad_output, grad_input may be the same memory.
 * Adds to grad_slope [channels] and to norm's gradients. */
void prelu_backward(const struct pass_context *context, const struct batchnorm *norm, const float *slope,
                    float *grad_slope, size_t rows, const float *input, const float *grad_output,
                    float *grad_input);

/* The same in two halves, between which pass.visit visits grad_output while it is written. */
struct prelu_backward {
    struct pass_visit visit;
    const struct batchnorm *norm;
    const float *slope, *input, *grad_output;
    float *grad_slope;
};
void prelu_backward_prepare(struct prelu_backward *pass, const struct pass_context *context,
                            const struct batchnorm *norm, const float *slope, float *grad_slope,
                            const float *input, const float *grad_output);
void prelu_backward_end(const struct prelu_backward *pass, size_t rows, float *grad_input);

#endif
