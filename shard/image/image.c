#include "shard/image/image.h"

#include "shard/image/image_codec.h"
#include "shard/image/image_format.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static enum status decode(const uint8_t *bytes, size_t size, struct image_sink *sink, int *width, int *height,
                          struct error *error)
{
    switch (image_sniff(bytes, size)) {
    case IMAGE_JPEG:
        return image_jpeg_decode(bytes, size, sink, width, height, error);
    case IMAGE_PNG:
        return image_png_decode(bytes, size, sink, width, height, error);
    case IMAGE_PNM:
        return image_pnm_decode(bytes, size, sink, width, height, error);
    case IMAGE_BMP:
        return image_bmp_decode(bytes, size, sink, width, height, error);
    case IMAGE_WEBP:
        return image_webp_decode(bytes, size, sink, width, height, error);
    case IMAGE_TIFF:
        return image_tiff_decode(bytes, size, sink, width, height, error);
    case IMAGE_HEIF:
        return image_heif_decode(bytes, size, sink, width, height, error);
    case IMAGE_UNKNOWN:
        break;
    }
    const struct image_format *format = image_format_of_bytes(bytes, size);
    if (format) {
        return error_set(error, STATUS_DATA, NULL, "convert the image to JPEG, PNG, PGM or PPM",
                         "the image is %s, which is not read (%zu bytes)", format->name, size);
    }
    return error_set(error, STATUS_DATA, NULL, "convert the image to JPEG, PNG, PGM or PPM",
                     "the image is of no kind that is read (%zu bytes)", size);
}

enum status image_size(const uint8_t *bytes, size_t size, int *width, int *height, struct error *error)
{
    int stored_width, stored_height;
    enum status status = decode(bytes, size, NULL, &stored_width, &stored_height, error);
    if (status == STATUS_OK) {
        const bool lies = image_orientation(bytes, size) > 4;
        *width = lies ? stored_height : stored_width;
        *height = lies ? stored_width : stored_height;
    }
    return status;
}

/* Turns the picture in the sink upright; its pixels are others then, where they are not the caller's. */
static enum status turn(struct image_sink *sink, int orientation, struct error *error)
{
    const size_t size = (size_t)sink->width * (size_t)sink->height * 3;
    uint8_t *turned = malloc(size);
    if (!turned) {
        return error_no_memory(error, "turning an image");
    }
    image_turn(sink->pixels, sink->width, sink->height, orientation, turned);
    if (sink->side > 0) {
        memcpy(sink->pixels, turned, size);
        free(turned);
        return STATUS_OK;
    }
    free(sink->pixels);
    sink->pixels = turned;
    if (orientation > 4) {
        const int width = sink->width;
        sink->width = sink->height;
        sink->height = width;
    }
    return STATUS_OK;
}

static enum status decode_upright(const uint8_t *bytes, size_t size, struct image_sink *sink,
                                  struct error *error)
{
    int width, height;
    const int orientation = image_orientation(bytes, size);
    enum status status = decode(bytes, size, sink, &width, &height, error);
    return status == STATUS_OK && orientation != 1 ? turn(sink, orientation, error) : status;
}

enum status image_decode_reduced(const uint8_t *bytes, size_t size, int reduce, int least,
                                 struct image *image, struct error *error)
{
    struct image_sink sink = {.reduce = reduce, .least = least};
    *image = (struct image){0};
    enum status status = decode_upright(bytes, size, &sink, error);
    if (status != STATUS_OK) {
        free(sink.pixels);
        return status;
    }
    *image = (struct image){
        .width = sink.width, .height = sink.height, .pixels = sink.pixels, .reduced = sink.reduced};
    return STATUS_OK;
}

enum status image_decode(const uint8_t *bytes, size_t size, struct image *image, struct error *error)
{
    return image_decode_reduced(bytes, size, 1, 1, image, error);
}

enum status image_decode_into(const uint8_t *bytes, size_t size, int side, uint8_t *pixels,
                              struct error *error)
{
    struct image_sink sink = {.side = side, .pixels = pixels};
    if (side < 1 || side > IMAGE_SIDE_MAX) {
        return error_set(error, STATUS_INTERNAL, NULL, NULL, "a side of %d pixels was asked for", side);
    }
    return decode_upright(bytes, size, &sink, error);
}

enum status image_encode(const struct image *image, enum image_encoding encoding, int quality,
                         uint8_t **bytes, size_t *size, struct error *error)
{
    *bytes = NULL;
    *size = 0;
    if (image->width < 1 || image->height < 1 || image->width > IMAGE_SIDE_MAX ||
        image->height > IMAGE_SIDE_MAX) {
        return error_set(error, STATUS_INTERNAL, NULL, NULL, "an image of %d x %d cannot be encoded",
                         image->width, image->height);
    }
    switch (encoding) {
    case IMAGE_JPEG:
        if (quality < 1 || quality > 100) {
            return error_set(error, STATUS_USAGE, NULL, "choose a JPEG quality of 1 to 100",
                             "a JPEG quality of %d was asked for", quality);
        }
        return image_jpeg_encode(image, quality, bytes, size, error);
    case IMAGE_PNG:
        return image_png_encode(image, bytes, size, error);
    case IMAGE_PNM:
        return image_pnm_encode(image, bytes, size, error);
    case IMAGE_BMP:
    case IMAGE_WEBP:
    case IMAGE_TIFF:
    case IMAGE_HEIF:
    case IMAGE_UNKNOWN:
        break;
    }
    return error_set(error, STATUS_USAGE, NULL, "choose jpeg, png or pnm", "no known image encoding");
}

void image_free(struct image *image)
{
    if (!image) {
        return;
    }
    free(image->pixels);
    *image = (struct image){0};
}
