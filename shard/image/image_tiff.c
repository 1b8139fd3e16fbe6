/* TIFF by libtiff, where the build has it: the first picture of the file, whatever its kind, as libtiff makes RGB of it.
 * Transparent parts are laid over black. */
#include "shard/image/image_codec.h"

#ifdef DAIL_TIFF

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tiffio.h>

/* What libtiff may allocate at once. */
#define ALLOCATION_MAX ((tmsize_t)IMAGE_PIXELS_MAX * 4)

struct tiff_reader {
    const uint8_t *bytes;
    uint64_t size, at;
    char message[128]; /* the first one */
};

static tmsize_t read_bytes(thandle_t handle, void *to, tmsize_t count)
{
    struct tiff_reader *reader = handle;
    const uint64_t left = reader->at < reader->size ? reader->size - reader->at : 0;
    const uint64_t taken = (uint64_t)count < left ? (uint64_t)count : left;
    memcpy(to, reader->bytes + (taken > 0 ? reader->at : 0), taken);
    reader->at += taken;
    return (tmsize_t)taken;
}

static tmsize_t write_bytes(thandle_t handle, void *from, tmsize_t count)
{
    (void)handle, (void)from, (void)count;
    return -1;
}

static toff_t seek(thandle_t handle, toff_t offset, int whence)
{
    struct tiff_reader *reader = handle;
    reader->at = whence == SEEK_CUR   ? reader->at + offset
                 : whence == SEEK_END ? reader->size + offset
                                      : offset;
    return reader->at;
}

static int close_nothing(thandle_t handle)
{
    (void)handle;
    return 0;
}

static toff_t tell_size(thandle_t handle)
{
    const struct tiff_reader *reader = handle;
    return reader->size;
}

static int keep_message(TIFF *tiff, void *context, const char *module, const char *format, va_list arguments)
{
    struct tiff_reader *reader = context;
    (void)tiff, (void)module;
    if (reader->message[0] == 0) {
        vsnprintf(reader->message, sizeof reader->message, format, arguments);
    }
    return 1;
}

static int ignore(TIFF *tiff, void *context, const char *module, const char *format, va_list arguments)
{
    (void)tiff, (void)context, (void)module, (void)format, (void)arguments;
    return 1;
}

static TIFF *open_tiff(struct tiff_reader *reader)
{
    TIFFOpenOptions *options = TIFFOpenOptionsAlloc();
    if (!options) {
        return NULL;
    }
    TIFFOpenOptionsSetMaxSingleMemAlloc(options, ALLOCATION_MAX);
    TIFFOpenOptionsSetErrorHandlerExtR(options, keep_message, reader);
    TIFFOpenOptionsSetWarningHandlerExtR(options, ignore, NULL);
    TIFF *tiff = TIFFClientOpenExt("image", "rm", reader, read_bytes, write_bytes, seek, close_nothing,
                                   tell_size, NULL, NULL, options);
    TIFFOpenOptionsFree(options);
    return tiff;
}

/* The pixels as they are stored; whoever decodes turns them. */
static enum status read_pixels(TIFF *tiff, struct tiff_reader *reader, struct image_sink *sink,
                               struct error *error)
{
    const size_t count = (size_t)sink->width * (size_t)sink->height;
    uint32_t *raster = malloc(count * sizeof *raster);
    uint16_t orientation = ORIENTATION_TOPLEFT;
    if (!raster) {
        return error_no_memory(error, "TIFF decoder");
    }
    TIFFGetFieldDefaulted(tiff, TIFFTAG_ORIENTATION, &orientation);
    const int read = TIFFReadRGBAImageOriented(tiff, (uint32_t)sink->width, (uint32_t)sink->height, raster,
                                               orientation, 1);
    for (size_t i = 0; i < count && read; i++) {
        sink->pixels[i * 3] = (uint8_t)TIFFGetR(raster[i]);
        sink->pixels[i * 3 + 1] = (uint8_t)TIFFGetG(raster[i]);
        sink->pixels[i * 3 + 2] = (uint8_t)TIFFGetB(raster[i]);
    }
    free(raster);
    if (!read || reader->message[0] != 0) {
        return error_set(error, STATUS_DATA, NULL, IMAGE_REPLACE, "damaged TIFF: %s", reader->message);
    }
    return STATUS_OK;
}

enum status image_tiff_decode(const uint8_t *bytes, size_t size, struct image_sink *sink, int *width,
                              int *height, struct error *error)
{
    struct tiff_reader reader = {.bytes = bytes, .size = size};
    uint32_t columns = 0, rows = 0;
    TIFF *tiff = open_tiff(&reader);
    if (!tiff) {
        return error_set(error, STATUS_DATA, NULL, IMAGE_REPLACE, "damaged TIFF: %s", reader.message);
    }
    TIFFGetField(tiff, TIFFTAG_IMAGEWIDTH, &columns);
    TIFFGetField(tiff, TIFFTAG_IMAGELENGTH, &rows);
    enum status status = image_check_side(columns, rows, error);
    *width = (int)columns;
    *height = (int)rows;
    if (status == STATUS_OK && sink) {
        status = image_sink_open(sink, columns, rows, error);
    }
    if (status == STATUS_OK && sink) {
        status = read_pixels(tiff, &reader, sink, error);
    }
    TIFFClose(tiff);
    return status;
}

#else

enum status image_tiff_decode(const uint8_t *bytes, size_t size, struct image_sink *sink, int *width,
                              int *height, struct error *error)
{
    (void)bytes, (void)size, (void)sink, (void)width, (void)height;
    return image_without(error, "TIFF", "libtiff 4.5");
}

#endif
