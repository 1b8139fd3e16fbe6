/* The inner loops between the convolutions, over a block of rows that fits the first-level cache. One source
 * (kernels.isa.c) is compiled once per instruction set; each build exports one table.
 *
 * A tensor is [rows][channels], contiguous. Per-channel arrays are [channels]. Sums are added to what the
 * arrays hold. Output may be the same memory as an input, never overlap it otherwise.
 */
#ifndef DAIL_WORKER_NN_CONV_KERNELS_H
#define DAIL_WORKER_NN_CONV_KERNELS_H

#include "worker/nn/conv/isa.h"

#include <stddef.h>

/* z = (x - mean) * scale + bias */
struct nn_affine {
    const float *mean, *scale, *bias;
};

/* dx = scale * g - (offset + slope * (x - mean)): batch normalisation's gradient, its sums folded in. */
struct nn_gradient {
    const float *mean, *scale, *offset, *slope;
};

struct nn_kernels {
    /* sum += x - pivot; square += (x - pivot)^2 */
    void (*moments)(size_t rows, size_t channels, const float *input, const float *pivot, float *sum,
                    float *square);

    /* output = z(input) */
    void (*normalise)(size_t rows, size_t channels, const struct nn_affine *affine, const float *input,
                      float *output);
    /* output = z > 0 ? z : prelu * z */
    void (*normalise_prelu)(size_t rows, size_t channels, const struct nn_affine *affine, const float *prelu,
                            const float *input, float *output);
    /* output = z(input) + addend */
    void (*normalise_add)(size_t rows, size_t channels, const struct nn_affine *affine, const float *input,
                          const float *addend, float *output);

    /* sum += g; product += g * (x - mean) */
    void (*backward_sums)(size_t rows, size_t channels, const float *mean, const float *input,
                          const float *gradient, float *sum, float *product);
    /* The same with g = gradient * (z > 0 ? 1 : prelu); grad_prelu += z > 0 ? 0 : gradient * z */
    void (*backward_prelu_sums)(size_t rows, size_t channels, const struct nn_affine *affine,
                                const float *prelu, const float *input, const float *gradient, float *sum,
                                float *product, float *grad_prelu);

    /* output = dx(input, gradient) */
    void (*backward)(size_t rows, size_t channels, const struct nn_gradient *coefficients, const float *input,
                     const float *gradient, float *output);
    /* output = dx(input, gradient) + addend */
    void (*backward_add)(size_t rows, size_t channels, const struct nn_gradient *coefficients,
                         const float *input, const float *gradient, const float *addend, float *output);
    /* output = dx(input, gradient * (z > 0 ? 1 : prelu)) */
    void (*backward_prelu)(size_t rows, size_t channels, const struct nn_affine *affine, const float *prelu,
                           const struct nn_gradient *coefficients, const float *input, const float *gradient,
                           float *output);
};

/* The table of an instruction set that isa_detect found. */
const struct nn_kernels *nn_kernels_of(enum isa isa);

#endif
