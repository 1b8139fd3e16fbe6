/* PNG by libpng. Palette, grey, 16 bits and interlacing become 8-bit RGB; transparent parts are laid over
 * black, so that colours that were never visible do not appear; gamma and colour profiles are not applied, as
 * no tool of the field does. */
#include "shard/image/image_codec.h"

#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <png.h>

#define CHUNK_BYTES_MAX (8u << 20)
#define CHUNKS_MAX 256

struct png_reader {
    png_structp png;
    png_infop info;
    jmp_buf jump;
    char message[128];
    const uint8_t *bytes;
    size_t size, used;
    struct image_sink *sink;
    int width, height;
    enum status status; /* of the sink */
};

struct png_writer {
    png_structp png;
    png_infop info;
    jmp_buf jump;
    char message[128];
    uint8_t *bytes;
    size_t size, capacity;
};

static void reader_fail(png_structp png, png_const_charp message)
{
    struct png_reader *reader = png_get_error_ptr(png);
    snprintf(reader->message, sizeof reader->message, "%s", message);
    longjmp(reader->jump, 1);
}

static void ignore_warning(png_structp png, png_const_charp message)
{
    (void)png;
    (void)message;
}

static void reader_read(png_structp png, png_bytep data, size_t count)
{
    struct png_reader *reader = png_get_io_ptr(png);
    if (count > reader->size - reader->used) {
        png_error(png, "the file ends too early");
    }
    memcpy(data, reader->bytes + reader->used, count);
    reader->used += count;
}

/* Sets up the transformations, all of them within libpng, so that every row comes out as RGB. */
static void read_as_rgb(struct png_reader *reader)
{
    png_structp png = reader->png;
    const png_byte type = png_get_color_type(png, reader->info);
    const bool transparent =
        (type & PNG_COLOR_MASK_ALPHA) != 0 || png_get_valid(png, reader->info, PNG_INFO_tRNS) != 0;
    png_set_expand(png);
    if (png_get_bit_depth(png, reader->info) == 16) {
        png_set_scale_16(png);
    }
    if ((type & PNG_COLOR_MASK_COLOR) == 0) {
        png_set_gray_to_rgb(png);
    }
    if (transparent) {
        const png_color_16 black = {0};
        png_set_background_fixed(png, &black, PNG_BACKGROUND_GAMMA_SCREEN, 0, 0);
    }
}

static void read_rows(struct png_reader *reader)
{
    const size_t stride = (size_t)reader->width * 3;
    const int passes = png_set_interlace_handling(reader->png);
    png_read_update_info(reader->png, reader->info);
    if (png_get_rowbytes(reader->png, reader->info) != stride) {
        png_error(reader->png, "an unknown pixel format");
    }
    for (int pass = 0; pass < passes; pass++) {
        for (int y = 0; y < reader->height; y++) {
            png_read_row(reader->png, reader->sink->pixels + stride * (size_t)y, NULL);
        }
    }
    png_read_end(reader->png, NULL);
}

static bool read_image(struct png_reader *reader, struct error *error)
{
    if (setjmp(reader->jump) != 0) {
        return false;
    }
    png_set_read_fn(reader->png, reader, reader_read);
    png_set_user_limits(reader->png, IMAGE_SIDE_MAX, IMAGE_SIDE_MAX);
    png_set_chunk_malloc_max(reader->png, CHUNK_BYTES_MAX);
    png_set_chunk_cache_max(reader->png, CHUNKS_MAX);
    png_read_info(reader->png, reader->info);
    reader->width = (int)png_get_image_width(reader->png, reader->info);
    reader->height = (int)png_get_image_height(reader->png, reader->info);
    if (!reader->sink) {
        reader->status = image_check_side((uint64_t)reader->width, (uint64_t)reader->height, error);
        return true;
    }
    reader->status = image_sink_open(reader->sink, (uint64_t)reader->width, (uint64_t)reader->height, error);
    if (reader->status != STATUS_OK) {
        return true;
    }
    read_as_rgb(reader);
    read_rows(reader);
    return true;
}

enum status image_png_decode(const uint8_t *bytes, size_t size, struct image_sink *sink, int *width,
                             int *height, struct error *error)
{
    struct png_reader reader = {.bytes = bytes, .size = size, .sink = sink};
    reader.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &reader, reader_fail, ignore_warning);
    reader.info = !reader.png ? NULL : png_create_info_struct(reader.png);
    if (!reader.info) {
        png_destroy_read_struct(&reader.png, NULL, NULL);
        return error_no_memory(error, "PNG decoder");
    }
    bool readable = read_image(&reader, error);
    png_destroy_read_struct(&reader.png, &reader.info, NULL);
    if (!readable) {
        return error_set(error, STATUS_DATA, NULL, IMAGE_REPLACE, "damaged PNG: %s", reader.message);
    }
    *width = reader.width;
    *height = reader.height;
    return reader.status;
}

static void writer_fail(png_structp png, png_const_charp message)
{
    struct png_writer *writer = png_get_error_ptr(png);
    snprintf(writer->message, sizeof writer->message, "%s", message);
    longjmp(writer->jump, 1);
}

static void writer_write(png_structp png, png_bytep data, size_t count)
{
    struct png_writer *writer = png_get_io_ptr(png);
    if (count > writer->capacity - writer->size) {
        size_t capacity = (writer->size + count) * 2;
        uint8_t *bytes = realloc(writer->bytes, capacity);
        if (!bytes) {
            png_error(png, "no memory");
        }
        writer->bytes = bytes;
        writer->capacity = capacity;
    }
    memcpy(writer->bytes + writer->size, data, count);
    writer->size += count;
}

static void writer_flush(png_structp png)
{
    (void)png;
}

static bool write_image(struct png_writer *writer, const struct image *image)
{
    if (setjmp(writer->jump) != 0) {
        return false;
    }
    png_set_write_fn(writer->png, writer, writer_write, writer_flush);
    png_set_IHDR(writer->png, writer->info, (png_uint_32)image->width, (png_uint_32)image->height, 8,
                 PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_BASE, PNG_FILTER_TYPE_BASE);
    png_write_info(writer->png, writer->info);
    for (int y = 0; y < image->height; y++) {
        png_write_row(writer->png, image->pixels + (size_t)image->width * 3 * (size_t)y);
    }
    png_write_end(writer->png, writer->info);
    return true;
}

enum status image_png_encode(const struct image *image, uint8_t **bytes, size_t *size, struct error *error)
{
    struct png_writer writer = {0};
    writer.png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &writer, writer_fail, ignore_warning);
    writer.info = !writer.png ? NULL : png_create_info_struct(writer.png);
    if (!writer.info) {
        png_destroy_write_struct(&writer.png, NULL);
        return error_no_memory(error, "PNG encoder");
    }
    bool written = write_image(&writer, image);
    png_destroy_write_struct(&writer.png, &writer.info);
    if (!written) {
        free(writer.bytes);
        return error_set(error, STATUS_INTERNAL, NULL, NULL, "the PNG encoder failed: %s", writer.message);
    }
    *bytes = writer.bytes;
    *size = writer.size;
    return STATUS_OK;
}
