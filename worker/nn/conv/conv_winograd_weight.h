/* The gradient of the weights by Winograd's algorithm: conv_winograd.c's third pass. */
#ifndef DAIL_WORKER_NN_CONV_CONV_WINOGRAD_WEIGHT_H
#define DAIL_WORKER_NN_CONV_CONV_WINOGRAD_WEIGHT_H

#include "worker/nn/conv/conv_plan.h"

/* As conv_backward_weight. */
void conv_winograd_weight(struct conv *conv, int batch, const struct conv_input *input,
                          const float *grad_output, float *grad_weight, void *scratch);

/* Floats of scratch that it needs. */
size_t conv_winograd_weight_scratch(const struct conv *conv);

#endif
