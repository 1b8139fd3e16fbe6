/* BMP, as Windows and OS/2 write it: 1, 4 and 8 bits by a palette, 16, 24 and 32 bits, bit fields, either way up. Its
 * run-length codes are refused: nobody keeps photographs in them. Alpha is not applied, since most writers leave it 0. */
#include "shard/image/image_codec.h"

#include <stdbool.h>
#include <string.h>

#define FILE_HEADER 14
#define CORE_HEADER 12
#define INFO_HEADER 40
#define MASKS_AT 54
enum { BI_RGB = 0, BI_BITFIELDS = 3, BI_ALPHABITFIELDS = 6 };

struct bmp {
    const uint8_t *bytes;
    size_t size, pixels; /* pixels: where they begin */
    int64_t width, height;
    bool top_down;
    uint32_t bits, compression, colours, colour_bytes, header;
    uint32_t mask[3];
};

static uint32_t number(const uint8_t *bytes, int count)
{
    uint32_t value = 0;
    for (int i = count - 1; i >= 0; i--) {
        value = value << 8 | bytes[i];
    }
    return value;
}

static enum status damaged(struct error *error, const char *what)
{
    return error_set(error, STATUS_DATA, NULL, IMAGE_REPLACE, "damaged BMP: %s", what);
}

static enum status read_masks(struct bmp *bmp, struct error *error)
{
    static const uint32_t of_16[3] = {0x7c00, 0x3e0, 0x1f}, of_32[3] = {0xff0000, 0xff00, 0xff};
    memcpy(bmp->mask, bmp->bits == 16 ? of_16 : of_32, sizeof bmp->mask);
    if (bmp->compression == BI_RGB) {
        return STATUS_OK;
    }
    if ((bmp->bits != 16 && bmp->bits != 32) || bmp->size < MASKS_AT + 12) {
        return damaged(error, "bit fields are of 16 or 32 bits");
    }
    for (int c = 0; c < 3; c++) {
        bmp->mask[c] = number(bmp->bytes + MASKS_AT + 4 * c, 4);
        if (bmp->mask[c] == 0) {
            return damaged(error, "a colour has no bits");
        }
    }
    return STATUS_OK;
}

static enum status read_header(struct bmp *bmp, struct error *error)
{
    const uint8_t *bytes = bmp->bytes;
    if (bmp->size < FILE_HEADER + CORE_HEADER) {
        return damaged(error, "the file ends too early");
    }
    bmp->pixels = number(bytes + 10, 4);
    bmp->header = number(bytes + 14, 4);
    const bool core = bmp->header == CORE_HEADER;
    if (!core && (bmp->header < INFO_HEADER || bmp->header > bmp->size - FILE_HEADER)) {
        return damaged(error, "an unknown header");
    }
    bmp->width = core ? (int64_t)number(bytes + 18, 2) : (int64_t)(int32_t)number(bytes + 18, 4);
    bmp->height = core ? (int64_t)number(bytes + 20, 2) : (int64_t)(int32_t)number(bytes + 22, 4);
    bmp->bits = number(bytes + (core ? 24 : 28), 2);
    bmp->compression = core ? BI_RGB : number(bytes + 30, 4);
    bmp->colours = core ? 0 : number(bytes + 46, 4);
    bmp->colour_bytes = core ? 3 : 4;
    bmp->top_down = bmp->height < 0;
    bmp->height = bmp->top_down ? -bmp->height : bmp->height;
    if (bmp->compression != BI_RGB && bmp->compression != BI_BITFIELDS &&
        bmp->compression != BI_ALPHABITFIELDS) {
        return error_set(error, STATUS_DATA, NULL, "convert the image to PNG",
                         "the BMP is compressed in a way (%u) that is not read", bmp->compression);
    }
    if (!memchr("\1\4\10\20\30\40", (int)(bmp->bits & 0xff), 6) || bmp->bits > 32) {
        return damaged(error, "an unknown number of bits a pixel");
    }
    return read_masks(bmp, error);
}

static uint8_t field(uint32_t value, uint32_t mask)
{
    while ((mask & 1) == 0) {
        mask >>= 1;
        value >>= 1;
    }
    return (uint8_t)(((uint64_t)(value & mask) * 255 + mask / 2) / mask);
}

/* Up to 8 bits: an index into the palette. */
static bool read_indexed(const struct bmp *bmp, const uint8_t *row, uint8_t *rgb)
{
    const size_t palette = FILE_HEADER + bmp->header;
    const uint32_t most = 1u << bmp->bits;
    const uint32_t colours = bmp->colours == 0 || bmp->colours > most ? most : bmp->colours;
    for (size_t x = 0; x < (size_t)bmp->width; x++, rgb += 3) {
        const size_t bit = x * bmp->bits;
        const uint32_t index = (row[bit / 8] >> (8 - bmp->bits - bit % 8)) & (most - 1);
        const size_t at = palette + (size_t)index * bmp->colour_bytes;
        if (index >= colours || at + 3 > bmp->size) {
            return false;
        }
        for (int c = 0; c < 3; c++) {
            rgb[c] = bmp->bytes[at + (size_t)(2 - c)];
        }
    }
    return true;
}

static void read_direct(const struct bmp *bmp, const uint8_t *row, uint8_t *rgb)
{
    const int bytes = (int)bmp->bits / 8;
    for (int64_t x = 0; x < bmp->width; x++, rgb += 3, row += bytes) {
        const uint32_t value = number(row, bytes);
        for (int c = 0; c < 3; c++) {
            rgb[c] = bmp->bits == 24 ? row[2 - c] : field(value, bmp->mask[c]);
        }
    }
}

enum status image_bmp_decode(const uint8_t *bytes, size_t size, struct image_sink *sink, int *width,
                             int *height, struct error *error)
{
    struct bmp bmp = {.bytes = bytes, .size = size};
    enum status status = read_header(&bmp, error);
    if (status == STATUS_OK && (bmp.width <= 0 || bmp.height <= 0)) {
        status = damaged(error, "it has no pixels");
    }
    if (status == STATUS_OK) {
        status = image_check_side((uint64_t)bmp.width, (uint64_t)bmp.height, error);
    }
    if (status != STATUS_OK) {
        return status;
    }
    *width = (int)bmp.width;
    *height = (int)bmp.height;
    if (!sink) {
        return STATUS_OK;
    }
    const size_t stride = ((size_t)bmp.width * bmp.bits + 31) / 32 * 4;
    if (bmp.pixels > size || (size - bmp.pixels) / stride < (size_t)bmp.height) {
        return damaged(error, "the file ends too early");
    }
    status = image_sink_open(sink, (uint64_t)bmp.width, (uint64_t)bmp.height, error);
    for (int64_t y = 0; y < bmp.height && status == STATUS_OK; y++) {
        const uint8_t *row = bytes + bmp.pixels + stride * (size_t)(bmp.top_down ? y : bmp.height - 1 - y);
        uint8_t *rgb = sink->pixels + (size_t)y * (size_t)bmp.width * 3;
        if (bmp.bits > 8) {
            read_direct(&bmp, row, rgb);
        } else if (!read_indexed(&bmp, row, rgb)) {
            status = damaged(error, "a colour that the palette does not have");
        }
    }
    return status;
}
