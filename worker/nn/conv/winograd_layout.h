/* How the planes, chunks and weights of Winograd's convolution lie in memory. */
#ifndef DAIL_WORKER_NN_CONV_WINOGRAD_LAYOUT_H
#define DAIL_WORKER_NN_CONV_WINOGRAD_LAYOUT_H

#include "worker/nn/conv/conv_plan.h"
#include "worker/nn/conv/product.h"
#include "worker/nn/conv/winograd_transform.h"

struct winograd_images winograd_images_in(const struct conv *conv, int batch);
struct winograd_images winograd_images_out(const struct conv *conv, int batch);

/* The channels as the planes hold them. */
size_t winograd_pitch_in(const struct conv *conv);
size_t winograd_pitch_out(const struct conv *conv);

/* The planes: products of a tile for a pair of channels. */
size_t winograd_planes(const struct conv *conv);

/* Tiles of a batch. */
size_t winograd_batch_tiles(const struct conv *conv, int batch);

/* Tiles of a chunk whose planes, of input and output, take about `bytes`: at least `least`, unless the plan's
 * largest batch has fewer. */
size_t winograd_chunk_tiles(const struct conv *conv, size_t bytes, size_t least);

/* The distance between planes of `floats`: not a power of two, or all would fall into the same few sets of
 * the cache. */
size_t winograd_plane_stride(size_t floats);

/* Floats of the planes of `tiles` tiles of input and output. */
size_t winograd_planes_floats(const struct conv *conv, size_t tiles);

/* Floats of zeros that stand for the pixels outside an image. */
size_t winograd_zeros_floats(const struct conv *conv);

/* The distance between planes [channels_in][pitch_out] of the gradient of the weights. */
size_t winograd_weight_stride(const struct conv *conv);

/* The transformed weights are too large for each thread to read them for a few tiles of its own. */
bool winograd_weights_large(const struct conv *conv);

/* Pieces of at most `most` that make up `count`. */
size_t winograd_pieces(size_t count, size_t most);

#endif
