#include "worker/nn/conv/winograd_layout.h"

/* Bytes of transformed weights that count as large. */
enum { LARGE_WEIGHTS = 6 << 20 };

struct winograd_images winograd_images_in(const struct conv *conv, int batch)
{
    const struct conv_shape *shape = &conv->shape;
    return winograd_images(conv->methods->tile, shape->height, shape->width, (size_t)shape->channels_in,
                           (size_t)batch);
}

struct winograd_images winograd_images_out(const struct conv *conv, int batch)
{
    const struct conv_shape *shape = &conv->shape;
    return winograd_images(conv->methods->tile, shape->height, shape->width, (size_t)shape->channels_out,
                           (size_t)batch);
}

size_t winograd_pitch_in(const struct conv *conv)
{
    return product_pitch((size_t)conv->shape.channels_in);
}

size_t winograd_pitch_out(const struct conv *conv)
{
    return product_pitch((size_t)conv->shape.channels_out);
}

size_t winograd_planes(const struct conv *conv)
{
    size_t side = (size_t)conv->methods->tile + 2;
    return side * side;
}

size_t winograd_batch_tiles(const struct conv *conv, int batch)
{
    struct winograd_images images = winograd_images_in(conv, batch);
    return winograd_tiles(&images);
}

size_t winograd_chunk_tiles(const struct conv *conv, size_t bytes, size_t least)
{
    size_t pitches = winograd_pitch_in(conv) + winograd_pitch_out(conv);
    size_t tiles = bytes / (pitches * winograd_planes(conv) * sizeof(float));
    size_t all = winograd_tiles_most(conv->methods->tile, conv->shape.height, conv->shape.width,
                                     (size_t)conv->batch_max);
    if (tiles < least) {
        tiles = least;
    }
    return tiles < all ? tiles : all;
}

size_t winograd_plane_stride(size_t floats)
{
    return conv_padded(floats) + PRODUCT_PITCH;
}

size_t winograd_planes_floats(const struct conv *conv, size_t tiles)
{
    return winograd_planes(conv) * (winograd_plane_stride(tiles * winograd_pitch_in(conv)) +
                                    winograd_plane_stride(tiles * winograd_pitch_out(conv)));
}

size_t winograd_zeros_floats(const struct conv *conv)
{
    size_t in = winograd_pitch_in(conv), out = winograd_pitch_out(conv);
    return in > out ? in : out;
}

size_t winograd_weight_stride(const struct conv *conv)
{
    return winograd_plane_stride((size_t)conv->shape.channels_in * winograd_pitch_out(conv));
}

bool winograd_weights_large(const struct conv *conv)
{
    return winograd_weight_stride(conv) * winograd_planes(conv) * sizeof(float) > LARGE_WEIGHTS;
}

size_t winograd_pieces(size_t count, size_t most)
{
    return (count + most - 1) / most;
}
