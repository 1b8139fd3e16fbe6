/* HEIC and AVIF by libheif, where the build has it: the primary picture, upright as the file says. Transparent parts are
 * laid over black. */
#include "shard/image/image_codec.h"

#ifdef DAIL_HEIF

#include <stdbool.h>
#include <stddef.h>

#include <libheif/heif.h>

static enum status damaged(struct heif_error failure, struct error *error)
{
    return error_set(error, STATUS_DATA, NULL, IMAGE_REPLACE,
                     "damaged HEIC or AVIF, or one whose decoder libheif lacks: %s",
                     failure.message ? failure.message : "unknown");
}

static enum status read_pixels(const struct heif_image_handle *handle, struct image_sink *sink,
                               struct error *error)
{
    struct heif_image *image = NULL;
    const bool alpha = heif_image_handle_has_alpha_channel(handle);
    const struct heif_error failure =
        heif_decode_image(handle, &image, heif_colorspace_RGB,
                          alpha ? heif_chroma_interleaved_RGBA : heif_chroma_interleaved_RGB, NULL);
    if (failure.code != heif_error_Ok) {
        return damaged(failure, error);
    }
    int stride;
    const uint8_t *plane = heif_image_get_plane_readonly(image, heif_channel_interleaved, &stride);
    enum status status = STATUS_OK;
    if (!plane || heif_image_get_width(image, heif_channel_interleaved) != sink->width ||
        heif_image_get_height(image, heif_channel_interleaved) != sink->height) {
        status = error_set(error, STATUS_DATA, NULL, IMAGE_REPLACE,
                           "damaged HEIC or AVIF: it has another size than it says");
    }
    const int channels = alpha ? 4 : 3;
    for (int y = 0; y < sink->height && status == STATUS_OK; y++) {
        const uint8_t *row = plane + (ptrdiff_t)stride * y;
        uint8_t *rgb = sink->pixels + (size_t)y * (size_t)sink->width * 3;
        for (int x = 0; x < sink->width; x++, row += channels, rgb += 3) {
            for (int c = 0; c < 3; c++) {
                rgb[c] = alpha ? (uint8_t)((row[c] * row[3] + 127) / 255) : row[c];
            }
        }
    }
    heif_image_release(image);
    return status;
}

enum status image_heif_decode(const uint8_t *bytes, size_t size, struct image_sink *sink, int *width,
                              int *height, struct error *error)
{
    struct heif_context *context = heif_context_alloc();
    struct heif_image_handle *handle = NULL;
    if (!context) {
        return error_no_memory(error, "HEIF decoder");
    }
    heif_context_set_maximum_image_size_limit(context, IMAGE_SIDE_MAX);
    struct heif_error failure = heif_context_read_from_memory_without_copy(context, bytes, size, NULL);
    if (failure.code == heif_error_Ok) {
        failure = heif_context_get_primary_image_handle(context, &handle);
    }
    enum status status = failure.code == heif_error_Ok ? STATUS_OK : damaged(failure, error);
    if (status == STATUS_OK) {
        const int columns = heif_image_handle_get_width(handle), rows = heif_image_handle_get_height(handle);
        status = image_check_side(columns > 0 ? (uint64_t)columns : 0, rows > 0 ? (uint64_t)rows : 0, error);
        *width = columns;
        *height = rows;
    }
    if (status == STATUS_OK && sink) {
        status = image_sink_open(sink, (uint64_t)*width, (uint64_t)*height, error);
    }
    if (status == STATUS_OK && sink) {
        status = read_pixels(handle, sink, error);
    }
    if (handle) {
        heif_image_handle_release(handle);
    }
    heif_context_free(context);
    return status;
}

#else

enum status image_heif_decode(const uint8_t *bytes, size_t size, struct image_sink *sink, int *width,
                              int *height, struct error *error)
{
    (void)bytes, (void)size, (void)sink, (void)width, (void)height;
    return image_without(error, "HEIC or AVIF", "libheif");
}

#endif
