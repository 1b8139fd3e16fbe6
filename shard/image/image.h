/* Pixels: decoding (JPEG, PNG, PGM, PPM, BMP, WebP, TIFF, HEIC, AVIF), resizing and encoding, by libjpeg-turbo, libpng,
 * libwebp, libtiff and libheif.
 *
 * Input is untrusted: dimensions are checked against IMAGE_SIDE_MAX and IMAGE_PIXELS_MAX before anything is
 * allocated, since a few bytes can claim to be a picture of gigabytes.
 */
#ifndef DAIL_SHARD_IMAGE_IMAGE_H
#define DAIL_SHARD_IMAGE_IMAGE_H

#include "proto/error.h"

#include <stdint.h>

#define IMAGE_SIDE_MAX 16384
#define IMAGE_PIXELS_MAX (1 << 26) /* of one image: 200 MB decoded */

/* The last four are decoded alone, WebP, TIFF and HEIF (HEIC and AVIF) where the build has their libraries. */
enum image_encoding {
    IMAGE_UNKNOWN,
    IMAGE_JPEG,
    IMAGE_PNG,
    IMAGE_PNM,
    IMAGE_BMP,
    IMAGE_WEBP,
    IMAGE_TIFF,
    IMAGE_HEIF
};

/* Interleaved RGB, 8 bits, rows without padding: pixels[(y * width + x) * 3 + c]. Grey is spread to RGB. */
struct image {
    int width, height;
    uint8_t *pixels; /* owned: image_free */
    int reduced; /* by how much its sides were divided as it was decoded; 0: by none, as by 1 */
};

/* By the first bytes. */
enum image_encoding image_sniff(const uint8_t *bytes, size_t size);

/* How the picture must be turned to be upright, as EXIF tells: 1 to 8, 1 as it is (shard/image/image_orientation.c). All
 * that decodes does so: sizes and pixels are those of the upright picture. */
int image_orientation(const uint8_t *bytes, size_t size);

/* Width and height without decoding. STATUS_DATA when unreadable. */
enum status image_size(const uint8_t *bytes, size_t size, int *width, int *height, struct error *error);

/* Decodes any known encoding. A truncated or corrupt image is STATUS_DATA, never a grey half picture.
 * The where of the error is left to the caller. */
enum status image_decode(const uint8_t *bytes, size_t size, struct image *image, struct error *error);

/* Decodes an image that must be `side` x `side` into the caller's pixels[side * side * 3]: no allocation of
 * the pixels. STATUS_DATA if the size differs. */
enum status image_decode_into(const uint8_t *bytes, size_t size, int side, uint8_t *pixels,
                              struct error *error);

/* As image_decode, for one who will make it smaller: where that is less work, both sides are divided by up to `reduce`
 * (1 to 8), rounded up, as long as the shorter one keeps `least` pixels: by 2, 4 or 8 of a JPEG, each pixel then the mean of
 * those that it stands for. */
enum status image_decode_reduced(const uint8_t *bytes, size_t size, int reduce, int least,
                                 struct image *image, struct error *error);

/* Part of a picture in pixels, (0, 0) at the upper left corner of the first one; it may reach beyond the border. */
struct image_part {
    double x, y, width, height;
};

/* What becomes of a picture that is not square. */
enum image_fit {
    IMAGE_FIT_CENTER, /* its middle is taken */
    IMAGE_FIT_PAD, /* all of it, between black bars */
    IMAGE_FIT_STRETCH
};

struct image_part image_fit_part(int width, int height, enum image_fit fit);

/* Resizes a part to `side` x `side` by a separable Catmull-Rom filter, widened when it shrinks (antialiased). Beyond the
 * border it is black. */
enum status image_resize_part(const struct image *image, struct image_part part, int side,
                              struct image *resized, struct error *error);

/* All of it, stretched where it is not square. */
enum status image_resize(const struct image *image, int side, struct image *resized, struct error *error);

/* Encodes to a new buffer that the caller frees. `quality` is for JPEG (4:4:4 at 95 and above), 1..100. */
enum status image_encode(const struct image *image, enum image_encoding encoding, int quality,
                         uint8_t **bytes, size_t *size, struct error *error);

void image_free(struct image *image);

#endif
