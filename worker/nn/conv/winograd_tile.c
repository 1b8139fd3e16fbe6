#include "worker/nn/conv/winograd_tile.h"

#include <limits.h>

enum { SIDE_MOST = WINOGRAD_TILE_MOST + 2, MOSAIC_DOWN_MOST = 4 };

static size_t tiles_along(int tile, size_t pixels)
{
    return (pixels + (size_t)tile - 1) / (size_t)tile;
}

/* A line of zeros behind each image, and still fewer pixels than in tiles of its own. */
static bool gains(int tile, int side)
{
    return (size_t)side + 1 < tiles_along(tile, (size_t)side) * (size_t)tile;
}

static size_t mosaic_tiles(int tile, size_t images, int side)
{
    return tiles_along(tile, images * ((size_t)side + 1) - 1);
}

struct winograd_images winograd_images(int tile, int height, int width, size_t channels, size_t count)
{
    struct winograd_images best = {.tile = tile,
                                   .height = height,
                                   .width = width,
                                   .channels = channels,
                                   .count = count,
                                   .tiles_down = tiles_along(tile, (size_t)height),
                                   .tiles_across = tiles_along(tile, (size_t)width)};
    if (!gains(tile, height) || !gains(tile, width)) {
        return best;
    }
    for (int down = 1; down <= MOSAIC_DOWN_MOST; down++) {
        struct winograd_images mosaic = best;
        mosaic.down = down;
        mosaic.tiles_down = mosaic_tiles(tile, (size_t)down, height);
        mosaic.tiles_across = mosaic_tiles(tile, (count + (size_t)down - 1) / (size_t)down, width);
        if (winograd_tiles(&mosaic) < winograd_tiles(&best)) {
            best = mosaic;
        }
    }
    return best;
}

size_t winograd_tiles(const struct winograd_images *images)
{
    size_t each = images->tiles_down * images->tiles_across;
    return images->down > 0 ? each : each * images->count;
}

size_t winograd_tiles_most(int tile, int height, int width, size_t count)
{
    size_t most = 0;
    for (size_t n = count; n > 0 && n + MOSAIC_DOWN_MOST > count; n--) {
        struct winograd_images images = winograd_images(tile, height, width, 1, n);
        size_t tiles = winograd_tiles(&images);
        most = tiles > most ? tiles : most;
    }
    return most;
}

/* A tile's place: its first row and column of the mosaic, or of image `image`. */
struct place {
    size_t image;
    int top, left;
    int images_down; /* of the mosaic; 1 */
    int period_down, period_across; /* from an image of the mosaic to the next */
};

static struct place place_of(const struct winograd_images *images, size_t tile)
{
    size_t each = images->tiles_down * images->tiles_across;
    int side = images->tile;
    if (images->down > 0) {
        return (struct place){.top = (int)(tile % images->tiles_down) * side,
                              .left = (int)(tile / images->tiles_down) * side,
                              .images_down = images->down,
                              .period_down = images->height + 1,
                              .period_across = images->width + 1};
    }
    return (struct place){.image = tile / each,
                          .top = (int)(tile % each / images->tiles_across) * side,
                          .left = (int)(tile % images->tiles_across) * side,
                          .images_down = 1,
                          .period_down = INT_MAX,
                          .period_across = INT_MAX};
}

static const float *pixel(const struct winograd_images *images, const float *tensor, size_t image, int y,
                          int x)
{
    size_t row = image * (size_t)images->height + (size_t)y;
    return tensor + (row * (size_t)images->width + (size_t)x) * images->channels;
}

/* Rows or columns first, ..., first + side of the mosaic: which image along the axis, and which row of it, or
 * -1 where there is none. Returns true if all are in the first one's image. */
static bool along(int first, int side, int period, int size, int images, int image[], int position[])
{
    for (int i = 0; i < side; i++) {
        int at = first + i;
        image[i] = at < 0 ? 0 : at / period;
        position[i] = at < 0 ? -1 : at % period;
        if (position[i] >= size || image[i] >= images) {
            position[i] = -1;
        }
    }
    return position[0] >= 0 && position[0] + side <= size;
}

bool winograd_tile_pixels(const struct winograd_images *images, const float *tensor, size_t tile, int side,
                          int margin, const float *outside, const float **at)
{
    struct place place = place_of(images, tile);
    int row_image[SIDE_MOST], row[SIDE_MOST], column_image[SIDE_MOST], column[SIDE_MOST];
    bool rows =
        along(place.top - margin, side, place.period_down, images->height, place.images_down, row_image, row);
    bool columns =
        along(place.left - margin, side, place.period_across, images->width, INT_MAX, column_image, column);
    size_t down = (size_t)images->down;
    size_t first = place.image + (size_t)column_image[0] * down + (size_t)row_image[0];
    if (rows && columns && first < images->count) {
        const float *corner = pixel(images, tensor, first, row[0], column[0]);
        size_t line = (size_t)images->width * images->channels;
        for (int i = 0; i < side; i++) {
            for (int j = 0; j < side; j++) {
                at[side * i + j] = corner + (size_t)i * line + (size_t)j * images->channels;
            }
        }
        return true;
    }
    bool all = true;
    for (int i = 0; i < side; i++) {
        for (int j = 0; j < side; j++) {
            size_t image = place.image + (size_t)column_image[j] * down + (size_t)row_image[i];
            bool inside = row[i] >= 0 && column[j] >= 0 && image < images->count;
            at[side * i + j] = inside ? pixel(images, tensor, image, row[i], column[j]) : outside;
            all = all && inside;
        }
    }
    return all;
}

static size_t pixel_number(const struct winograd_images *images, size_t image, int y, int x)
{
    return (image * (size_t)images->height + (size_t)y) * (size_t)images->width + (size_t)x;
}

/* The lines of a tile of the mosaic, each cut where it crosses into another image. */
static void visit_mosaic(const struct winograd_images *images, size_t tile, int thread,
                         const struct conv_visitor *visitor)
{
    struct place place = place_of(images, tile);
    int side = images->tile;
    int row_image[WINOGRAD_TILE_MOST], row[WINOGRAD_TILE_MOST];
    int column_image[WINOGRAD_TILE_MOST], column[WINOGRAD_TILE_MOST];
    along(place.top, side, place.period_down, images->height, place.images_down, row_image, row);
    along(place.left, side, place.period_across, images->width, INT_MAX, column_image, column);
    for (int i = 0; i < side; i++) {
        for (int j = 0, next; j < side; j = next) {
            size_t image = (size_t)column_image[j] * (size_t)images->down + (size_t)row_image[i];
            next = j + 1;
            while (next < side && column[j] >= 0 && column[next] == column[j] + next - j) {
                next++;
            }
            if (row[i] >= 0 && column[j] >= 0 && image < images->count) {
                visitor->written(visitor->context, thread, pixel_number(images, image, row[i], column[j]),
                                 (size_t)(next - j));
            }
        }
    }
}

void winograd_visit(const struct winograd_images *images, size_t begin, size_t end, int thread,
                    const struct conv_visitor *visitor)
{
    for (size_t tile = begin, tiles; tile < end; tile += tiles) {
        tiles = 1;
        if (images->down > 0) {
            visit_mosaic(images, tile, thread, visitor);
            continue;
        }
        struct place place = place_of(images, tile);
        tiles = images->tiles_across - tile % images->tiles_across;
        tiles = tiles < end - tile ? tiles : end - tile;
        int width = (int)tiles * images->tile, right = images->width - place.left;
        for (int y = place.top; y < place.top + images->tile && y < images->height; y++) {
            visitor->written(visitor->context, thread, pixel_number(images, place.image, y, place.left),
                             (size_t)(width < right ? width : right));
        }
    }
}
