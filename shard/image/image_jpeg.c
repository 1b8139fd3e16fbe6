/* JPEG by libjpeg-turbo. Its errors come back by longjmp; what may change between setjmp and longjmp lives in
 * a structure that the caller of the setjmp function owns. */
#include "shard/image/image_codec.h"

#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>

#include <jpeglib.h>

#include <jerror.h>

/* A hostile progressive file repeats scans, and each goes over all pixels; honest ones have about ten. */
#define SCANS_MAX 500
#define SCANNED_PIXELS_MAX ((uint64_t)1 << 30)
#define ROWS_AT_ONCE 16

struct jpeg_reader {
    struct jpeg_decompress_struct info;
    struct jpeg_error_mgr manager;
    struct jpeg_progress_mgr progress;
    jmp_buf jump;
    char message[JMSG_LENGTH_MAX];
    const uint8_t *bytes;
    size_t size;
    struct image_sink *sink;
    enum status status; /* of the sink */
};

struct jpeg_writer {
    struct jpeg_compress_struct info;
    struct jpeg_error_mgr manager;
    jmp_buf jump;
    char message[JMSG_LENGTH_MAX];
    unsigned char *bytes;
    unsigned long size;
};

static void reader_fail(j_common_ptr info)
{
    struct jpeg_reader *reader = info->client_data;
    info->err->format_message(info, reader->message);
    longjmp(reader->jump, 1);
}

/* libjpeg warns of missing and corrupt data and fills in grey; only remarks about the header may pass. */
static void reader_message(j_common_ptr info, int level)
{
    int code = info->err->msg_code;
    if (level < 0 && code != JWRN_ADOBE_XFORM && code != JWRN_JFIF_MAJOR) {
        reader_fail(info);
    }
}

static void reader_progress(j_common_ptr info)
{
    struct jpeg_reader *reader = info->client_data;
    const uint64_t scans = (uint64_t)reader->info.input_scan_number;
    const uint64_t pixels = (uint64_t)reader->info.image_width * reader->info.image_height;
    if (scans > SCANS_MAX || scans * pixels > SCANNED_PIXELS_MAX) {
        snprintf(reader->message, sizeof reader->message, "more than %d scans, or too many for its size",
                 SCANS_MAX);
        longjmp(reader->jump, 1);
    }
}

static void reader_open(struct jpeg_reader *reader)
{
    struct jpeg_decompress_struct *info = &reader->info;
    info->err = jpeg_std_error(&reader->manager);
    reader->manager.error_exit = reader_fail;
    reader->manager.emit_message = reader_message;
    info->client_data = reader;
    jpeg_create_decompress(info);
    reader->progress.progress_monitor = reader_progress;
    info->progress = &reader->progress;
    jpeg_mem_src(info, reader->bytes, (unsigned long)reader->size);
    jpeg_read_header(info, TRUE);
}

static void read_rgb(struct jpeg_reader *reader)
{
    struct jpeg_decompress_struct *info = &reader->info;
    const size_t stride = (size_t)info->output_width * 3;
    while (info->output_scanline < info->output_height) {
        JSAMPROW rows[ROWS_AT_ONCE];
        JDIMENSION count = info->output_height - info->output_scanline;
        if (count > ROWS_AT_ONCE) {
            count = ROWS_AT_ONCE;
        }
        for (JDIMENSION i = 0; i < count; i++) {
            rows[i] = reader->sink->pixels + stride * (info->output_scanline + i);
        }
        jpeg_read_scanlines(info, rows, count);
    }
}

/* Photoshop stores CMYK inverted and every decoder takes it as that: so red is C times K. */
static void read_cmyk(struct jpeg_reader *reader)
{
    struct jpeg_decompress_struct *info = &reader->info;
    JSAMPARRAY row = info->mem->alloc_sarray((j_common_ptr)info, JPOOL_IMAGE, info->output_width * 4, 1);
    while (info->output_scanline < info->output_height) {
        uint8_t *rgb = reader->sink->pixels + (size_t)info->output_width * 3 * info->output_scanline;
        jpeg_read_scanlines(info, row, 1);
        for (JDIMENSION x = 0; x < info->output_width; x++) {
            const uint8_t *cmyk = row[0] + (size_t)x * 4;
            for (int c = 0; c < 3; c++) {
                rgb[x * 3 + (JDIMENSION)c] = (uint8_t)((cmyk[c] * cmyk[3] + 127) / 255);
            }
        }
    }
}

/* Picks the largest of 8, 4 and 2 that the sink allows. */
static void reduce(struct jpeg_decompress_struct *info, struct image_sink *sink)
{
    const JDIMENSION less = info->image_width < info->image_height ? info->image_width : info->image_height;
    sink->reduced = 8;
    while (sink->reduced > 1 && (sink->reduced > sink->reduce || (int)less < sink->least * sink->reduced)) {
        sink->reduced /= 2;
    }
    info->scale_num = 1;
    info->scale_denom = (unsigned)sink->reduced;
    jpeg_calc_output_dimensions(info);
}

static bool read_image(struct jpeg_reader *reader, struct error *error)
{
    struct jpeg_decompress_struct *info = &reader->info;
    if (setjmp(reader->jump) != 0) {
        return false;
    }
    reader_open(reader);
    if (!reader->sink) {
        reader->status = image_check_side(info->image_width, info->image_height, error);
        return true;
    }
    reader->status = image_check_side(info->image_width, info->image_height, error);
    if (reader->status != STATUS_OK) {
        return true;
    }
    reduce(info, reader->sink);
    reader->status = image_sink_open(reader->sink, info->output_width, info->output_height, error);
    if (reader->status != STATUS_OK) {
        return true;
    }
    const bool cmyk = info->num_components == 4;
    info->out_color_space = cmyk ? JCS_CMYK : JCS_RGB;
    info->dct_method = JDCT_ISLOW;
    jpeg_start_decompress(info);
    if (cmyk) {
        read_cmyk(reader);
    } else {
        read_rgb(reader);
    }
    jpeg_finish_decompress(info);
    return true;
}

enum status image_jpeg_decode(const uint8_t *bytes, size_t size, struct image_sink *sink, int *width,
                              int *height, struct error *error)
{
    struct jpeg_reader reader = {.bytes = bytes, .size = size, .sink = sink};
    bool readable = read_image(&reader, error);
    *width = (int)reader.info.image_width;
    *height = (int)reader.info.image_height;
    jpeg_destroy_decompress(&reader.info);
    if (!readable) {
        return error_set(error, STATUS_DATA, NULL, IMAGE_REPLACE, "damaged JPEG: %s", reader.message);
    }
    return reader.status;
}

static void writer_fail(j_common_ptr info)
{
    struct jpeg_writer *writer = info->client_data;
    info->err->format_message(info, writer->message);
    longjmp(writer->jump, 1);
}

static bool write_image(struct jpeg_writer *writer, const struct image *image, int quality)
{
    struct jpeg_compress_struct *info = &writer->info;
    info->err = jpeg_std_error(&writer->manager);
    writer->manager.error_exit = writer_fail;
    info->client_data = writer;
    if (setjmp(writer->jump) != 0) {
        return false;
    }
    jpeg_create_compress(info);
    jpeg_mem_dest(info, &writer->bytes, &writer->size);
    info->image_width = (JDIMENSION)image->width;
    info->image_height = (JDIMENSION)image->height;
    info->input_components = 3;
    info->in_color_space = JCS_RGB;
    jpeg_set_defaults(info);
    jpeg_set_quality(info, quality, TRUE);
    info->dct_method = JDCT_ISLOW;
    if (quality >= 95) {
        info->comp_info[0].h_samp_factor = info->comp_info[0].v_samp_factor = 1;
    }
    jpeg_start_compress(info, TRUE);
    while (info->next_scanline < info->image_height) {
        JSAMPROW row = image->pixels + (size_t)image->width * 3 * info->next_scanline;
        jpeg_write_scanlines(info, &row, 1);
    }
    jpeg_finish_compress(info);
    return true;
}

enum status image_jpeg_encode(const struct image *image, int quality, uint8_t **bytes, size_t *size,
                              struct error *error)
{
    struct jpeg_writer writer = {0};
    bool written = write_image(&writer, image, quality);
    jpeg_destroy_compress(&writer.info);
    /* It fails for want of memory alone, and then may have freed writer.bytes already. */
    if (!written) {
        return error_set(error, STATUS_INTERNAL, NULL, NULL, "the JPEG encoder failed: %s", writer.message);
    }
    *bytes = writer.bytes;
    *size = writer.size;
    return STATUS_OK;
}
