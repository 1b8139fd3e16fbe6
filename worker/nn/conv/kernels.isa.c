#include "worker/nn/conv/kernels.h"

/* Channels run innermost and every channel has its own sum, so the loops vectorise without reordering any
 * addition: all instruction sets give the same sums. Four rows go into a sum at once, which saves three of
 * four accesses to the accumulators and keeps the float error of a block small. */

static void moments(size_t rows, size_t channels, const float *input, const float *pivot, float *sum,
                    float *square)
{
    size_t row = 0;
    for (; row + 4 <= rows; row += 4) {
        const float *x = input + row * channels;
#pragma omp simd
        for (size_t c = 0; c < channels; c++) {
            float d0 = x[c] - pivot[c], d1 = x[channels + c] - pivot[c];
            float d2 = x[2 * channels + c] - pivot[c], d3 = x[3 * channels + c] - pivot[c];
            sum[c] += (d0 + d1) + (d2 + d3);
            square[c] += (d0 * d0 + d1 * d1) + (d2 * d2 + d3 * d3);
        }
    }
    for (; row < rows; row++) {
        const float *x = input + row * channels;
#pragma omp simd
        for (size_t c = 0; c < channels; c++) {
            float d = x[c] - pivot[c];
            sum[c] += d;
            square[c] += d * d;
        }
    }
}

static void normalise(size_t rows, size_t channels, const struct nn_affine *affine, const float *input,
                      float *output)
{
    const float *mean = affine->mean, *scale = affine->scale, *bias = affine->bias;
    for (size_t row = 0; row < rows; row++) {
        const float *x = input + row * channels;
        float *y = output + row * channels;
#pragma omp simd
        for (size_t c = 0; c < channels; c++) {
            y[c] = (x[c] - mean[c]) * scale[c] + bias[c];
        }
    }
}

static void normalise_prelu(size_t rows, size_t channels, const struct nn_affine *affine, const float *prelu,
                            const float *input, float *output)
{
    const float *mean = affine->mean, *scale = affine->scale, *bias = affine->bias;
    for (size_t row = 0; row < rows; row++) {
        const float *x = input + row * channels;
        float *y = output + row * channels;
#pragma omp simd
        for (size_t c = 0; c < channels; c++) {
            float z = (x[c] - mean[c]) * scale[c] + bias[c];
            float below = prelu[c] * z;
            y[c] = z > 0.0f ? z : below;
        }
    }
}

static void normalise_add(size_t rows, size_t channels, const struct nn_affine *affine, const float *input,
                          const float *addend, float *output)
{
    const float *mean = affine->mean, *scale = affine->scale, *bias = affine->bias;
    for (size_t row = 0; row < rows; row++) {
        const float *x = input + row * channels, *a = addend + row * channels;
        float *y = output + row * channels;
#pragma omp simd
        for (size_t c = 0; c < channels; c++) {
            y[c] = (x[c] - mean[c]) * scale[c] + bias[c] + a[c];
        }
    }
}

static void backward_sums(size_t rows, size_t channels, const float *mean, const float *input,
                          const float *gradient, float *sum, float *product)
{
    size_t row = 0;
    for (; row + 4 <= rows; row += 4) {
        const float *x = input + row * channels, *g = gradient + row * channels;
#pragma omp simd
        for (size_t c = 0; c < channels; c++) {
            float g0 = g[c], g1 = g[channels + c], g2 = g[2 * channels + c], g3 = g[3 * channels + c];
            float p0 = g0 * (x[c] - mean[c]), p1 = g1 * (x[channels + c] - mean[c]);
            float p2 = g2 * (x[2 * channels + c] - mean[c]), p3 = g3 * (x[3 * channels + c] - mean[c]);
            sum[c] += (g0 + g1) + (g2 + g3);
            product[c] += (p0 + p1) + (p2 + p3);
        }
    }
    for (; row < rows; row++) {
        const float *x = input + row * channels, *g = gradient + row * channels;
#pragma omp simd
        for (size_t c = 0; c < channels; c++) {
            sum[c] += g[c];
            product[c] += g[c] * (x[c] - mean[c]);
        }
    }
}

static void backward_prelu_sums(size_t rows, size_t channels, const struct nn_affine *affine,
                                const float *prelu, const float *input, const float *gradient, float *sum,
                                float *product, float *grad_prelu)
{
    const float *mean = affine->mean, *scale = affine->scale, *bias = affine->bias;
    size_t row = 0;
    for (; row + 2 <= rows; row += 2) {
        const float *x = input + row * channels, *g = gradient + row * channels;
#pragma omp simd
        for (size_t c = 0; c < channels; c++) {
            float d0 = x[c] - mean[c], d1 = x[channels + c] - mean[c];
            float z0 = d0 * scale[c] + bias[c], z1 = d1 * scale[c] + bias[c];
            float g0 = g[c], g1 = g[channels + c];
            float below0 = g0 * prelu[c], below1 = g1 * prelu[c];
            float h0 = z0 > 0.0f ? g0 : below0, h1 = z1 > 0.0f ? g1 : below1;
            float q0 = g0 * z0, q1 = g1 * z1;
            sum[c] += h0 + h1;
            product[c] += h0 * d0 + h1 * d1;
            grad_prelu[c] += (z0 > 0.0f ? 0.0f : q0) + (z1 > 0.0f ? 0.0f : q1);
        }
    }
    for (; row < rows; row++) {
        const float *x = input + row * channels, *g = gradient + row * channels;
#pragma omp simd
        for (size_t c = 0; c < channels; c++) {
            float d = x[c] - mean[c], z = d * scale[c] + bias[c];
            float below = g[c] * prelu[c], h = z > 0.0f ? g[c] : below, q = g[c] * z;
            sum[c] += h;
            product[c] += h * d;
            grad_prelu[c] += z > 0.0f ? 0.0f : q;
        }
    }
}

static void backward(size_t rows, size_t channels, const struct nn_gradient *coefficients, const float *input,
                     const float *gradient, float *output)
{
    const float *mean = coefficients->mean, *scale = coefficients->scale;
    const float *offset = coefficients->offset, *slope = coefficients->slope;
    for (size_t row = 0; row < rows; row++) {
        const float *x = input + row * channels, *g = gradient + row * channels;
        float *y = output + row * channels;
#pragma omp simd
        for (size_t c = 0; c < channels; c++) {
            y[c] = scale[c] * g[c] - (offset[c] + slope[c] * (x[c] - mean[c]));
        }
    }
}

static void backward_add(size_t rows, size_t channels, const struct nn_gradient *coefficients,
                         const float *input, const float *gradient, const float *addend, float *output)
{
    const float *mean = coefficients->mean, *scale = coefficients->scale;
    const float *offset = coefficients->offset, *slope = coefficients->slope;
    for (size_t row = 0; row < rows; row++) {
        const float *x = input + row * channels, *g = gradient + row * channels;
        const float *a = addend + row * channels;
        float *y = output + row * channels;
#pragma omp simd
        for (size_t c = 0; c < channels; c++) {
            y[c] = scale[c] * g[c] - (offset[c] + slope[c] * (x[c] - mean[c])) + a[c];
        }
    }
}

static void backward_prelu(size_t rows, size_t channels, const struct nn_affine *affine, const float *prelu,
                           const struct nn_gradient *coefficients, const float *input, const float *gradient,
                           float *output)
{
    const float *mean = affine->mean, *scale = affine->scale, *bias = affine->bias;
    const float *offset = coefficients->offset, *slope = coefficients->slope;
    for (size_t row = 0; row < rows; row++) {
        const float *x = input + row * channels, *g = gradient + row * channels;
        float *y = output + row * channels;
#pragma omp simd
        for (size_t c = 0; c < channels; c++) {
            float d = x[c] - mean[c], z = d * scale[c] + bias[c];
            float below = g[c] * prelu[c], h = z > 0.0f ? g[c] : below;
            y[c] = scale[c] * h - (offset[c] + slope[c] * d);
        }
    }
}

extern const struct nn_kernels ISA_TABLE(nn_kernels);
const struct nn_kernels ISA_TABLE(nn_kernels) = {
    .moments = moments,
    .normalise = normalise,
    .normalise_prelu = normalise_prelu,
    .normalise_add = normalise_add,
    .backward_sums = backward_sums,
    .backward_prelu_sums = backward_prelu_sums,
    .backward = backward,
    .backward_add = backward_add,
    .backward_prelu = backward_prelu,
};
