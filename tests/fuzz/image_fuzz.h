/* An image of any encoding: measured, decoded to its own size and into one that is agreed on, resized. */
#ifndef DAIL_TESTS_FUZZ_IMAGE_FUZZ_H
#define DAIL_TESTS_FUZZ_IMAGE_FUZZ_H

#include "shard/image/image.h"
#include "tests/fuzz/fuzz.h"

enum { IMAGE_SIDE = 16 };

static inline void image_fuzz(const uint8_t *data, size_t size, enum image_encoding encoding)
{
    static uint8_t pixels[IMAGE_SIDE * IMAGE_SIDE * 3];
    struct image image, resized;
    struct error error;
    int width, height;
    if (image_sniff(data, size) != encoding) {
        return;
    }
    enum status measured = image_size(data, size, &width, &height, &error);
    if (image_decode_into(data, size, IMAGE_SIDE, pixels, &error) == STATUS_OK) {
        fuzz_require(measured == STATUS_OK && width == IMAGE_SIDE && height == IMAGE_SIDE,
                     "an image has the size that was measured");
    }
    if (image_decode(data, size, &image, &error) != STATUS_OK) {
        return;
    }
    fuzz_require(measured == STATUS_OK && width == image.width && height == image.height,
                 "an image has the size that was measured");
    if (image_resize(&image, IMAGE_SIDE, &resized, &error) == STATUS_OK) {
        image_free(&resized);
    }
    image_free(&image);
}

#endif
