/* The transforms of Winograd's F(4x4,3x3): a 4x4 tile of the output is computed from the 6x6 tile of the
 * input around it by 36 products per pair of channels instead of 144.
 *
 * Transformed tensors are [36][tiles][product_pitch(channels)], the 36 planes `stride` floats apart, of
 * which the plane 6 i + j belongs to the interpolation points i (rows) and j (columns).
 *
 * The points are 0, 1/sqrt(2), -1/sqrt(2), sqrt(2), -sqrt(2), infinity. In float32 with 256 channels the
 * greatest error relative to the greatest output is 2.9e-6, where the usual 0, 1, -1, 2, -2, infinity give
 * 1.6e-5 (L2: 1.5e-6 and 3.2e-6). And they are closed under p -> 1/p: the transformed kernel turned round is
 * the transformed kernel with its planes permuted (winograd_turned), so that the backward data pass needs no
 * weights of its own.
 */
#ifndef DAIL_WORKER_NN_CONV_WINOGRAD_TRANSFORM_H
#define DAIL_WORKER_NN_CONV_WINOGRAD_TRANSFORM_H

#include "worker/nn/conv/conv.h"
#include "worker/nn/conv/isa.h"
#include "worker/nn/conv/product.h"
#include "worker/nn/conv/winograd_tile.h"

#include <stddef.h>

enum { WINOGRAD_PLANES = 36 };

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

const struct winograd_transforms *winograd_transforms_of(enum isa isa);

/* The plane of the kernel turned by 180 degrees that plane `plane` of the kernel is. */
int winograd_turned(int plane);

#endif
