/* How a camera was held, and pictures turned upright: the tag Orientation of EXIF (TIFF 6.0, tag 274), in the APP1
 * segment of a JPEG, the chunk eXIf of a PNG, the chunk EXIF of a WebP, or a TIFF itself. What is damaged or missing there means 1. */
#include "shard/image/image_codec.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define TAG_ORIENTATION 0x112
#define TYPE_SHORT 3
#define ENTRY_BYTES 12

struct span {
    const uint8_t *bytes;
    size_t size;
};

static uint32_t number(const uint8_t *bytes, int count, bool little)
{
    uint32_t value = 0;
    for (int i = 0; i < count; i++) {
        value = value << 8 | bytes[little ? count - 1 - i : i];
    }
    return value;
}

/* Of a TIFF header with its first directory. */
static int orientation_of(struct span exif)
{
    if (exif.size >= 6 && memcmp(exif.bytes, "Exif\0", 6) == 0) {
        exif = (struct span){exif.bytes + 6, exif.size - 6};
    }
    if (exif.size < 8 || (memcmp(exif.bytes, "II*\0", 4) != 0 && memcmp(exif.bytes, "MM\0*", 4) != 0)) {
        return 1;
    }
    const bool little = exif.bytes[0] == 'I';
    const size_t directory = number(exif.bytes + 4, 4, little);
    if (directory > exif.size - 2) {
        return 1;
    }
    const size_t entries = number(exif.bytes + directory, 2, little);
    for (size_t i = 0; i < entries && directory + 2 + (i + 1) * ENTRY_BYTES <= exif.size; i++) {
        const uint8_t *entry = exif.bytes + directory + 2 + i * ENTRY_BYTES;
        if (number(entry, 2, little) == TAG_ORIENTATION && number(entry + 2, 2, little) == TYPE_SHORT) {
            const uint32_t value = number(entry + 8, 2, little);
            return value >= 1 && value <= 8 ? (int)value : 1;
        }
    }
    return 1;
}

/* The segments before the first scan. */
static struct span find_in_jpeg(const uint8_t *bytes, size_t size)
{
    size_t at = 2;
    while (at + 4 <= size && bytes[at] == 0xff) {
        const uint8_t marker = bytes[at + 1];
        if (marker == 0xff) { /* fill */
            at++;
            continue;
        }
        const size_t length = number(bytes + at + 2, 2, false);
        if (marker == 0xda || length < 2 || length > size - at - 2) {
            break;
        }
        if (marker == 0xe1 && length >= 8 && memcmp(bytes + at + 4, "Exif\0", 6) == 0) {
            return (struct span){bytes + at + 4, length - 2};
        }
        at += 2 + length;
    }
    return (struct span){0};
}

static struct span find_in_png(const uint8_t *bytes, size_t size)
{
    size_t at = 8;
    while (size - at >= 12) {
        const size_t length = number(bytes + at, 4, false);
        if (length > size - at - 12) {
            break;
        }
        if (memcmp(bytes + at + 4, "eXIf", 4) == 0) {
            return (struct span){bytes + at + 8, length};
        }
        at += 12 + length;
    }
    return (struct span){0};
}

static struct span find_in_webp(const uint8_t *bytes, size_t size)
{
    size_t at = 12;
    while (at < size && size - at >= 8) {
        const size_t length = number(bytes + at + 4, 4, true);
        if (length > size - at - 8) {
            break;
        }
        if (memcmp(bytes + at, "EXIF", 4) == 0) {
            return (struct span){bytes + at + 8, length};
        }
        at += 8 + length + (length & 1);
    }
    return (struct span){0};
}

int image_orientation(const uint8_t *bytes, size_t size)
{
    switch (image_sniff(bytes, size)) {
    case IMAGE_JPEG:
        return orientation_of(find_in_jpeg(bytes, size));
    case IMAGE_PNG:
        return orientation_of(find_in_png(bytes, size));
    case IMAGE_WEBP:
        return orientation_of(find_in_webp(bytes, size));
    case IMAGE_TIFF:
        return orientation_of((struct span){bytes, size});
    case IMAGE_HEIF: /* libheif turns it */
    case IMAGE_PNM:
    case IMAGE_BMP:
    case IMAGE_UNKNOWN:
        break;
    }
    return 1;
}

void image_turn(const uint8_t *pixels, int width, int height, int orientation, uint8_t *turned)
{
    /* Where the upright picture's first pixel lies, and the steps to the one beside it and to the one below. */
    const ptrdiff_t w = width, last_row = (ptrdiff_t)(height - 1) * w, last = last_row + w - 1;
    const ptrdiff_t begin[8] = {0, w - 1, last, last_row, 0, last_row, last, w - 1};
    const ptrdiff_t beside[8] = {1, -1, -1, 1, w, -w, -w, w};
    const ptrdiff_t below[8] = {w, w, -w, -w, 1, 1, -1, -1};
    const int columns = orientation > 4 ? height : width, rows = orientation > 4 ? width : height;
    for (int y = 0; y < rows; y++) {
        const uint8_t *from = pixels + (begin[orientation - 1] + below[orientation - 1] * y) * 3;
        for (int x = 0; x < columns; x++, turned += 3) {
            memcpy(turned, from + beside[orientation - 1] * x * 3, 3);
        }
    }
}
