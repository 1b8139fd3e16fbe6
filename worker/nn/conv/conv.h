/* Convolution, 3x3 (padding 1) or 1x1 (padding 0), stride 1 or 2, without bias.
 *
 * Layouts in memory: activations NHWC; weights [kernel][kernel][channels_in][channels_out] (HWIO), whatever
 * the files hold. CONV_REFERENCE, a plain loop nest, is always there and is what the others are tested against.
 *
 * CONV_AUTO takes, for all three passes (the measurements are with the rule, in conv.c):
 *   CONV_GEMM        1x1, stride 2, fewer than 16 channels on a side, fewer than 8 tiles of 4x4 in a batch, or
 *                    images that fill less than a third of their tiles;
 *   CONV_WINOGRAD_7  where that leaves at most 3/4 of CONV_WINOGRAD_4's products (2/3 without AVX-512) and the batch
 *                    has 8 tiles of 7x7 or more: 112, 56 and 28 with AVX-512, 14 from two images, 7 from eight;
 *   CONV_WINOGRAD_4  else, as for 64, 32, 16, 8 and 4.
 *
 * The element by element work before and after a convolution can ride on it: it normalises and activates its
 * input as it reads it (struct conv_input), and lets a visitor see its output while that is in the cache.
 *
 * OpenMP threads share the work over images or tile blocks; every matrix product is one thread's. For a fixed
 * number of threads the result is the same bits every time.
 */
#ifndef DAIL_WORKER_NN_CONV_CONV_H
#define DAIL_WORKER_NN_CONV_CONV_H

#include "proto/error.h"
#include "worker/nn/conv/isa.h"
#include "worker/nn/conv/kernels.h"

#include <stdbool.h>
#include <stddef.h>

enum conv_algorithm {
    CONV_AUTO,
    CONV_REFERENCE, /* loops, double accumulation */
    CONV_GEMM, /* im2col per block of rows and a matrix product; 1x1 is that alone */
    /* For 3x3 of stride 1, by tiles of the output (Lavin and Gray, arXiv 1509.09308): */
    CONV_WINOGRAD_4, /* F(4x4,3x3): 36 products for 144 multiplications, errors of 1e-6 */
    CONV_WINOGRAD_7 /* F(7x7,3x3): 81 products for 441, errors of 1e-5 */
};

struct conv_shape {
    int height, width; /* of the input */
    int channels_in, channels_out;
    int kernel; /* 1 or 3 */
    int stride; /* 1 or 2 */
};

enum conv_pass { CONV_FORWARD, CONV_BACKWARD_DATA, CONV_BACKWARD_WEIGHT, CONV_PASSES };

int conv_height_out(const struct conv_shape *shape);
int conv_width_out(const struct conv_shape *shape);

/* A tensor as a convolution reads it: with `normalise` z(value) in place of each value, with `prelu` too the
 * PReLU of that. What pads the image is zero all the same. */
struct conv_input {
    const float *values; /* [batch,h,w,ci] */
    const struct nn_affine *normalise; /* NULL: the values as they are */
    const float *prelu; /* [ci]; NULL: none. Only with `normalise`. */
};

/* Told what was written: rows `row` to `row + rows` of the result, seen as [batch * height *
 * width][channels], by the thread that wrote them. Every row comes once; what a thread is told, and in which
 * order, is the same each time. */
struct conv_visitor {
    void (*written)(void *context, int thread, size_t row, size_t rows);
    void *context;
};

struct conv;

/* Plans a convolution for micro-batches of up to `batch_max` images on `threads` threads. What a pass makes of
 * the weights is kept by the plan until they change, if that is no larger than they; or, if `frugal`, made in the
 * scratch for each pass that needs it, as Winograd's transformed weights always are. Scratch is the caller's
 * (conv_scratch_bytes, 64-byte aligned, shared by all plans that do not run at the same time). */
enum status conv_create(const struct conv_shape *shape, enum conv_algorithm algorithm, enum isa isa,
                        int batch_max, int threads, bool frugal, struct conv **conv, struct error *error);
void conv_free(struct conv *conv);
size_t conv_scratch_bytes(const struct conv *conv);
/* What the plan itself holds. */
size_t conv_memory_bytes(const struct conv *conv);
enum conv_algorithm conv_algorithm_of(const struct conv *conv);
const struct conv_shape *conv_shape_of(const struct conv *conv);

/* Floating-point operations (a multiplication and an addition are two) of one pass over `batch` images: what
 * the definition takes, padding included; and what the plan's algorithm does, its transforms included. */
double conv_operations_direct(const struct conv_shape *shape, int batch);
double conv_operations(const struct conv *conv, enum conv_pass pass, int batch);

/* Takes new weights: to be called after every change of `weight` [k,k,ci,co], which is kept by reference. */
void conv_set_weight(struct conv *conv, const float *weight);

/* input -> output [batch,ho,wo,co], overwritten. visitor: of the output; may be NULL. */
void conv_forward(struct conv *conv, int batch, const struct conv_input *input, float *output,
                  const struct conv_visitor *visitor, void *scratch);

/* grad_output [batch,ho,wo,co] -> grad_input [batch,h,w,ci], overwritten: the gradient of what was convolved,
 * after normalisation and PReLU. visitor: of grad_input; may be NULL. */
void conv_backward_data(struct conv *conv, int batch, const float *grad_output, float *grad_input,
                        const struct conv_visitor *visitor, void *scratch);

/* grad_weight [k,k,ci,co] += the gradient over this micro-batch. input: as in the forward pass. */
void conv_backward_weight(struct conv *conv, int batch, const struct conv_input *input,
                          const float *grad_output, float *grad_weight, void *scratch);

#endif
