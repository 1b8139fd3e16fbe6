/* A fully connected layer: output = input * weight^T + bias. Threads take shares of the outputs (forward and
 * weight gradient) or of the inputs (data gradient); each share is one matrix product of its own.
 *
 * input [batch][in], weight [out][in], bias [out], output [batch][out].
 */
#ifndef DAIL_WORKER_NN_LINEAR_H
#define DAIL_WORKER_NN_LINEAR_H

#include "worker/nn/conv/isa.h"

#include <stddef.h>

struct linear {
    enum isa isa;
    int threads, in, out;
    float *buffer; /* linear_buffer_bytes(threads) */
};

size_t linear_buffer_bytes(int threads);

void linear_forward(const struct linear *linear, int batch, const float *input, const float *weight,
                    const float *bias, float *output);

/* grad_output [batch][out] -> grad_input [batch][in], overwritten; adds to grad_weight [out][in] and
 * grad_bias [out]. */
void linear_backward(const struct linear *linear, int batch, const float *input, const float *weight,
                     const float *grad_output, float *grad_weight, float *grad_bias, float *grad_input);

#endif
