#include "worker/nn/conv/conv_plan.h"
#include "worker/nn/conv/product.h"
#include "worker/nn/conv/winograd_tile.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int conv_height_out(const struct conv_shape *shape)
{
    return (shape->height + shape->stride - 1) / shape->stride;
}

int conv_width_out(const struct conv_shape *shape)
{
    return (shape->width + shape->stride - 1) / shape->stride;
}

/* Tiles of 7x7 instead of 4x4 where they need much fewer products, as for sides that are multiples of 7, or one
 * less: 0.73 of them at 112, 56 and 28, 0.64 at 14, 0.56 at 7; at 64 and 16 it is 0.88, where they were as fast or
 * slower. With vectors shorter than AVX-512's the transforms weigh more: there 0.73 gains nothing. And where the tiles
 * are enough for the larger weights: 512 to 512 at 7x7, three passes, take 4.4 ms an image with 4 tiles, where tiles
 * of 4x4 take 4.0; with 8 tiles 3.1 and 3.4, with 16 2.3 and 3.4. */
static bool seven_pays(const struct conv_shape *shape, enum isa isa, int batch_max, size_t tiles_least)
{
    enum { FOUR = 4, SEVEN = 7, PLANES_OF_FOUR = 36, PLANES_OF_SEVEN = 81 };
    enum { PANEL_OF_LONG_VECTORS = 64 };
    double share_most = product_kernels_of(isa)->panel >= PANEL_OF_LONG_VECTORS ? 0.75 : 0.67;
    struct winograd_images four = winograd_images(FOUR, shape->height, shape->width, 1, (size_t)batch_max);
    struct winograd_images seven = winograd_images(SEVEN, shape->height, shape->width, 1, (size_t)batch_max);
    size_t tiles = winograd_tiles(&seven);
    return tiles >= tiles_least &&
           PLANES_OF_SEVEN * (double)tiles <= share_most * PLANES_OF_FOUR * (double)winograd_tiles(&four);
}

/* The rule of CONV_AUTO, measured on a Zen 4 core with AVX-512: Winograd's algorithm wherever it exists, but
 * for fewer than 16 channels on a side: half of its vectors would be empty (112x112, 3 to 64: 0.65 ms an
 * image by GEMM, 0.88 by Winograd; 8 to 8: 0.37 and 0.75; 16 to 16: 0.96 and 0.42); fewer than 8 tiles in a
 * batch: the weights, four times as large, would be read for too little (512 to 512, three passes, 4
 * tiles: 8.7 ms an image and 9.4; 8 tiles: 7.7 and 5.6; 64 tiles: 7.2 and 2.8); images that fill less than a
 * third of their tiles, so that it has to multiply about as much. */
static const struct conv_methods *fastest(const struct conv_shape *shape, enum isa isa, int batch_max)
{
    enum { CHANNELS = 16, TILES = 8, SIDE = 4 };
    if (shape->kernel != 3 || shape->stride != 1) {
        return &conv_gemm_methods;
    }
    int64_t tiles = (int64_t)((shape->height + SIDE - 1) / SIDE) * ((shape->width + SIDE - 1) / SIDE);
    bool full = 3 * (int64_t)shape->height * shape->width >= tiles * SIDE * SIDE;
    bool winograd = shape->channels_in >= CHANNELS && shape->channels_out >= CHANNELS &&
                    tiles * batch_max >= TILES && full;
    if (!winograd) {
        return &conv_gemm_methods;
    }
    return seven_pays(shape, isa, batch_max, TILES) ? &conv_winograd_7_methods : &conv_winograd_4_methods;
}

/* NULL if the algorithm does not know the shape. */
static const struct conv_methods *methods_for(const struct conv_shape *shape, enum conv_algorithm algorithm,
                                              enum isa isa, int batch_max)
{
    switch (algorithm) {
    case CONV_AUTO:
        return fastest(shape, isa, batch_max);
    case CONV_REFERENCE:
        return &conv_reference_methods;
    case CONV_GEMM:
        return &conv_gemm_methods;
    case CONV_WINOGRAD_4:
        return shape->kernel == 3 && shape->stride == 1 ? &conv_winograd_4_methods : NULL;
    case CONV_WINOGRAD_7:
        return shape->kernel == 3 && shape->stride == 1 ? &conv_winograd_7_methods : NULL;
    }
    return NULL;
}

static enum status check_request(const struct conv_shape *shape, enum conv_algorithm algorithm, enum isa isa,
                                 int batch_max, int threads, struct error *error)
{
    if (shape->height < 1 || shape->width < 1 || shape->channels_in < 1 || shape->channels_out < 1 ||
        (shape->kernel != 1 && shape->kernel != 3) || (shape->stride != 1 && shape->stride != 2) ||
        batch_max < 1 || threads < 1) {
        return error_set(
            error, STATUS_USAGE, NULL, NULL,
            "no convolution of %dx%dx%d to %d channels, kernel %d, stride %d, batch %d, %d threads",
            shape->height, shape->width, shape->channels_in, shape->channels_out, shape->kernel,
            shape->stride, batch_max, threads);
    }
    if (!methods_for(shape, algorithm, isa, batch_max)) {
        return error_set(error, STATUS_USAGE, NULL, NULL,
                         "Winograd's convolution has kernel 3 and stride 1, not %d and %d", shape->kernel,
                         shape->stride);
    }
    return STATUS_OK;
}

static size_t derived_count(const struct conv *conv)
{
    return conv->methods->derived_count ? conv_padded(conv->methods->derived_count(conv)) : 0;
}

enum status conv_create(const struct conv_shape *shape, enum conv_algorithm algorithm, enum isa isa,
                        int batch_max, int threads, bool frugal, struct conv **conv, struct error *error)
{
    enum status status = check_request(shape, algorithm, isa, batch_max, threads, error);
    if (status != STATUS_OK) {
        return status;
    }
    struct conv *made = calloc(1, sizeof *made);
    if (made) {
        made->shape = *shape;
        made->height_out = conv_height_out(shape);
        made->width_out = conv_width_out(shape);
        made->isa = isa;
        made->batch_max = batch_max;
        made->threads = threads;
        made->methods = methods_for(shape, algorithm, isa, batch_max);
        made->frugal = frugal;
        size_t derived = frugal ? 0 : derived_count(made);
        if (derived > 0) {
            made->derived = aligned_alloc(64, derived * sizeof *made->derived);
        }
        if (derived == 0 || made->derived) {
            *conv = made;
            return STATUS_OK;
        }
    }
    free(made);
    return error_no_memory(error, "plan of a convolution");
}

void conv_free(struct conv *conv)
{
    if (!conv) {
        return;
    }
    if (!conv->frugal) {
        free(conv->derived);
    }
    free(conv);
}

size_t conv_memory_bytes(const struct conv *conv)
{
    return sizeof *conv + (conv->frugal ? 0 : derived_count(conv) * sizeof *conv->derived);
}

/* Bytes of scratch that are the algorithm's. */
static size_t own_scratch(const struct conv *conv)
{
    return (conv->methods->scratch_bytes(conv) + 63) / 64 * 64;
}

size_t conv_scratch_bytes(const struct conv *conv)
{
    return own_scratch(conv) + (conv->frugal ? derived_count(conv) * sizeof *conv->derived : 0);
}

/* A frugal plan's transformed weights belong to one pass. */
static void borrow_derived(struct conv *conv, void *scratch)
{
    if (!conv->frugal) {
        return;
    }
    conv->derived = (float *)((char *)scratch + own_scratch(conv));
    conv->derived_stale = true;
}

enum conv_algorithm conv_algorithm_of(const struct conv *conv)
{
    return conv->methods->algorithm;
}

const struct conv_shape *conv_shape_of(const struct conv *conv)
{
    return &conv->shape;
}

double conv_operations_direct(const struct conv_shape *shape, int batch)
{
    double taps = (double)shape->kernel * shape->kernel * shape->channels_in * shape->channels_out;
    return 2.0 * taps * conv_height_out(shape) * conv_width_out(shape) * batch;
}

double conv_operations(const struct conv *conv, enum conv_pass pass, int batch)
{
    if (!conv->methods->operations) {
        return conv_operations_direct(&conv->shape, batch);
    }
    return conv->methods->operations(conv, pass, batch);
}

void conv_set_weight(struct conv *conv, const float *weight)
{
    conv->weight = weight;
    conv->derived_stale = true;
}

void conv_forward(struct conv *conv, int batch, const struct conv_input *input, float *output,
                  const struct conv_visitor *visitor, void *scratch)
{
    borrow_derived(conv, scratch);
    conv->methods->forward(conv, batch, input, output, visitor, scratch);
}

void conv_backward_data(struct conv *conv, int batch, const float *grad_output, float *grad_input,
                        const struct conv_visitor *visitor, void *scratch)
{
    borrow_derived(conv, scratch);
    conv->methods->backward_data(conv, batch, grad_output, grad_input, visitor, scratch);
}

void conv_backward_weight(struct conv *conv, int batch, const struct conv_input *input,
                          const float *grad_output, float *grad_weight, void *scratch)
{
    conv->methods->backward_weight(conv, batch, input, grad_output, grad_weight, scratch);
}
