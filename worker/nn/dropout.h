/* Dropout by a given mask. The mask is in PyTorch's order, the activations in the network's. */
#ifndef DAIL_WORKER_NN_DROPOUT_H
#define DAIL_WORKER_NN_DROPOUT_H

/* values [batch][positions][channels] *= mask [batch][channels][positions], in place. mask holds 0 or
 * 1/(1-p); NULL: nothing is done. */
void dropout_forward(int threads, int batch, int positions, int channels, const float *mask, float *values);

/* The gradient passes through the same factors: gradient [batch][positions][channels], in place. */
void dropout_backward(int threads, int batch, int positions, int channels, const float *mask,
                      float *gradient);

#endif
