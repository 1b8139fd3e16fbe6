/* Pixels: decoding (JPEG, PNG, PGM, PPM), resizing and encoding, by libjpeg-turbo and libpng.
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

enum image_encoding { IMAGE_UNKNOWN, IMAGE_JPEG, IMAGE_PNG, IMAGE_PNM };

/* Interleaved RGB, 8 bits, rows without padding: pixels[(y * width + x) * 3 + c]. Grey is spread to RGB. */
struct image {
    int width, height;
    uint8_t *pixels; /* owned: image_free */
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

/* Resizes to `side` x `side` by a separable Catmull-Rom filter, widened when it shrinks (antialiased).
 * An image that is not square is stretched, as the field's crops expect. */
enum status image_resize(const struct image *image, int side, struct image *resized, struct error *error);

/* Encodes to a new buffer that the caller frees. `quality` is for JPEG (4:4:4 at 95 and above), 1..100. */
enum status image_encode(const struct image *image, enum image_encoding encoding, int quality,
                         uint8_t **bytes, size_t *size, struct error *error);

void image_free(struct image *image);

#endif
