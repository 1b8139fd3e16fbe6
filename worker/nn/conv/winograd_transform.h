/* The transforms of Winograd's F(4x4,3x3) and F(7x7,3x3): a tile of the output, 4x4 or 7x7, is computed from the
 * tile of the input around it, two pixels larger, by as many products per pair of channels as that has pixels: 36
 * instead of 144, 81 instead of 441.
 *
 * Transformed tensors are [side * side][tiles][product_pitch(channels)], the planes `stride` floats apart, of
 * which the plane side * i + j belongs to the interpolation points i (rows) and j (columns).
 *
 * The points: 0, 1/sqrt(2), -1/sqrt(2), sqrt(2), -sqrt(2), infinity; and +-1/4, +-11/16, +-9/8, +-9/4, infinity. In
 * float32 with 256 channels their L2 errors are 1.5e-6 and 1.5e-5, or 0.8e-6 and 0.8e-5 where sums of 64 channels are
 * added; the usual small integers and their inverses give 3.2e-6 and 6e-5.
 */
#ifndef DAIL_WORKER_NN_CONV_WINOGRAD_TRANSFORM_H
#define DAIL_WORKER_NN_CONV_WINOGRAD_TRANSFORM_H

#include "worker/nn/conv/conv.h"
#include "worker/nn/conv/isa.h"
#include "worker/nn/conv/product.h"
#include "worker/nn/conv/winograd_tile.h"

#include <stddef.h>

struct winograd_transforms {
    /* Tiles begin to end with the pixels around them, zero outside the images, to planes.
     * zeros: at least `channels` of them. */
    void (*input)(const struct winograd_images *images, const struct conv_input *input, size_t begin,
                  size_t end, const float *zeros, float *planes, size_t stride);
    /* Planes to the pixels of tiles begin to end, overwritten. */
    void (*output)(const struct winograd_images *images, const float *planes, size_t stride, size_t begin,
                   size_t end, float *tensor);
    /* The adjoint of `output`, for the gradient of the weights. */
    void (*gradient)(const struct winograd_images *images, const float *tensor, size_t begin, size_t end,
                     const float *zeros, float *planes, size_t stride);
    /* `count` kernels, weight [9][..] with its taps `weight_stride` apart, to planes, of which
     * `width` floats are written, a multiple of PRODUCT_PITCH or of the vector: from `count` on zero. */
    void (*weight)(size_t count, size_t width, const float *weight, size_t weight_stride, float *planes,
                   size_t stride);
    /* The adjoint of `weight`: adds to grad_weight. */
    void (*weight_gradient)(size_t count, const float *planes, size_t stride, float *grad_weight,
                            size_t weight_stride);
};

struct winograd_transforms_by_tile {
    struct winograd_transforms four, seven;
};

/* tile: 4 or 7. */
const struct winograd_transforms *winograd_transforms_of(enum isa isa, int tile);

/* Floating-point operations of each transform, for a tile and channel, or for a kernel. */
struct winograd_operations {
    double input, output, gradient, weight, weight_gradient;
};

struct winograd_operations winograd_operations_of(int tile);

#endif
