#include "shard/image/image_format.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#define BEGIN(text)                                                                                          \
    {                                                                                                        \
        text, sizeof text - 1                                                                                \
    }

static const struct image_format formats[] = {
    {"JPEG", IMAGE_JPEG, {".jpg", ".jpeg", ".jpe", ".jfif"}, {BEGIN("\xff\xd8\xff")}},
    {"PNG", IMAGE_PNG, {".png"}, {BEGIN("\x89PNG\r\n\x1a\n")}},
    {"PNM", IMAGE_PNM, {".pgm", ".ppm", ".pnm"}, {BEGIN("P2_"), BEGIN("P3_"), BEGIN("P5_"), BEGIN("P6_")}},
    {"BMP", IMAGE_BMP, {".bmp", ".dib"}, {BEGIN("BM????\0\0\0\0")}},
    {"WebP", IMAGE_WEBP, {".webp"}, {BEGIN("RIFF????WEBP")}},
    {"TIFF", IMAGE_TIFF, {".tif", ".tiff"}, {BEGIN("II*\0"), BEGIN("MM\0*")}},
    {"GIF", IMAGE_UNKNOWN, {".gif"}, {BEGIN("GIF87a"), BEGIN("GIF89a")}},
    {"AVIF", IMAGE_HEIF, {".avif"}, {BEGIN("????ftypavif"), BEGIN("????ftypavis")}},
    {"HEIC", IMAGE_HEIF, {".heic", ".heif"}, {BEGIN("????ftyphei"), BEGIN("????ftypmif1")}},
    {"JPEG XL", IMAGE_UNKNOWN, {".jxl"}, {BEGIN("\xff\x0a"), BEGIN("\0\0\0\x0cJXL ")}},
    {"JPEG 2000", IMAGE_UNKNOWN, {".jp2", ".j2k"}, {BEGIN("\0\0\0\x0cjP  "), BEGIN("\xff\x4f\xff\x51")}},
};

const struct image_format *image_format_at(size_t number)
{
    return number < sizeof formats / sizeof *formats ? &formats[number] : NULL;
}

static bool begins(const uint8_t *bytes, size_t size, const char *pattern, size_t length)
{
    if (size < length) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        const uint8_t wanted = (uint8_t)pattern[i];
        if (wanted != '?' && wanted != bytes[i] &&
            !(wanted == '_' && bytes[i] && strchr(" \t\r\n\v\f#", bytes[i]))) {
            return false;
        }
    }
    return true;
}

const struct image_format *image_format_of_bytes(const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        for (size_t form = 0; form < sizeof formats->begin / sizeof *formats->begin; form++) {
            const char *pattern = formats[i].begin[form].bytes;
            if (pattern && begins(bytes, size, pattern, formats[i].begin[form].size)) {
                return &formats[i];
            }
        }
    }
    return NULL;
}

const struct image_format *image_format_of_name(const char *name)
{
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < sizeof formats / sizeof *formats; i++) {
        for (size_t ending = 0; ending < IMAGE_ENDINGS_MAX; ending++) {
            if (formats[i].endings[ending] && strcasecmp(dot, formats[i].endings[ending]) == 0) {
                return &formats[i];
            }
        }
    }
    return NULL;
}

enum image_encoding image_sniff(const uint8_t *bytes, size_t size)
{
    const struct image_format *format = image_format_of_bytes(bytes, size);
    return format ? format->encoding : IMAGE_UNKNOWN;
}
