/* How the images of a batch are cut into tiles of 4x4 or 7x7 pixels.
 *
 * Where a side is a multiple of the tile's, or one less, each image has tiles of its own. Where it is not, as in
 * 14x14 cut by 4x4, much of the last row and column of tiles would be wasted: there the images are laid out like
 * a mosaic, with a line of zeros between neighbours, which serves both as padding, and the mosaic is cut into
 * tiles, which may then belong to up to four images. Sixteen images of 14x14 are 225 tiles of 4x4 instead of 256.
 */
#ifndef DAIL_WORKER_NN_CONV_WINOGRAD_TILE_H
#define DAIL_WORKER_NN_CONV_WINOGRAD_TILE_H

#include "worker/nn/conv/conv.h"

#include <stdbool.h>
#include <stddef.h>

/* The largest tile's side. */
enum { WINOGRAD_TILE_MOST = 7 };

/* A batch [count][height][width][channels], cut into tiles. Tiles are counted through the batch. */
struct winograd_images {
    int tile; /* its side: 4 or 7 */
    int height, width;
    size_t channels, count;
    int down; /* images below each other in the mosaic, filled column by column; 0: no mosaic */
    size_t tiles_down, tiles_across; /* of the mosaic, or of each image */
};

/* Cut into as few tiles as possible. */
struct winograd_images winograd_images(int tile, int height, int width, size_t channels, size_t count);

size_t winograd_tiles(const struct winograd_images *images);

/* The tiles of any batch of up to `count` images are at most so many. */
size_t winograd_tiles_most(int tile, int height, int width, size_t count);

/* Addresses of the side * side pixels of which the first lies `margin` above and left of the tile's first;
 * `outside` for those in no image. Returns whether there are none of those. */
bool winograd_tile_pixels(const struct winograd_images *images, const float *tensor, size_t tile, int side,
                          int margin, const float *outside, const float **at);

/* Tells the visitor of the pixels of tiles begin to end, line by line of neighbouring tiles. */
void winograd_visit(const struct winograd_images *images, size_t begin, size_t end, int thread,
                    const struct conv_visitor *visitor);

#endif
