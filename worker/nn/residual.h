/* The end of a basic block: the normalised main branch plus the shortcut, in one pass over [rows][channels].
 */
#ifndef DAIL_WORKER_NN_RESIDUAL_H
#define DAIL_WORKER_NN_RESIDUAL_H

#include "worker/nn/batchnorm.h"

/* output = norm(input) + shortcut, or + shortcut_norm(shortcut) where shortcut_norm is not NULL. All tensors
 * [rows][channels], all different memory. `next` (may be NULL) reads the output; it is measured on the way.
 */
void residual_forward(const struct pass_context *context, const struct batchnorm *norm, size_t rows,
                      const float *input, const float *shortcut, const struct batchnorm *shortcut_norm,
                      float *output, const struct batchnorm *next);

/* Both branches receive grad_output unchanged: norm's takes it to grad_input, shortcut_norm's (if any) to
 * grad_shortcut; without shortcut_norm the shortcut's gradient is grad_output itself and grad_shortcut is not
 * touched. input and shortcut as in the forward pass. Adds to the gradients of both normalisations. */
void residual_backward(const struct pass_context *context, const struct batchnorm *norm, size_t rows,
                       const float *input, const float *shortcut, const struct batchnorm *shortcut_norm,
                       const float *grad_output, float *grad_input, float *grad_shortcut);

/* The same in two halves, between which pass.visit visits grad_output while it is written. */
struct residual_backward {
    struct pass_visit visit;
    const struct batchnorm *norm, *shortcut_norm;
    const float *input, *shortcut, *grad_output;
};
void residual_backward_prepare(struct residual_backward *pass, const struct pass_context *context,
                               const struct batchnorm *norm, const float *input, const float *shortcut,
                               const struct batchnorm *shortcut_norm, const float *grad_output);
void residual_backward_end(const struct residual_backward *pass, size_t rows, float *grad_input,
                           float *grad_shortcut);

#endif
