/* WebP by libwebp, where the build has it. Transparent parts are laid over black, as those of a PNG are; of an animation
 * nothing is taken. */
#include "shard/image/image_codec.h"

#ifdef DAIL_WEBP

#include <string.h>

#include <webp/decode.h>

static enum status damaged(VP8StatusCode code, struct error *error)
{
    static const char *const words[] = {"",
                                        "no memory",
                                        "an invalid parameter",
                                        "damaged data",
                                        "an unknown feature",
                                        "it was suspended",
                                        "it was aborted",
                                        "the file ends too early"};
    if (code == VP8_STATUS_OUT_OF_MEMORY) {
        return error_no_memory(error, "WebP decoder");
    }
    return error_set(error, STATUS_DATA, NULL, IMAGE_REPLACE, "damaged WebP: %s",
                     (size_t)code < sizeof words / sizeof *words ? words[code] : "unknown");
}

/* As libwebp decodes it: RGB rows straight into the sink, or premultiplied RGBA. */
static enum status decode(const uint8_t *bytes, size_t size, WebPDecoderConfig *config,
                          struct image_sink *sink, struct error *error)
{
    const size_t stride = (size_t)sink->width * 3;
    if (config->input.has_alpha) {
        config->output.colorspace = MODE_rgbA;
    } else {
        config->output.colorspace = MODE_RGB;
        config->output.is_external_memory = 1;
        config->output.u.RGBA.rgba = sink->pixels;
        config->output.u.RGBA.stride = (int)stride;
        config->output.u.RGBA.size = stride * (size_t)sink->height;
    }
    const VP8StatusCode code = WebPDecode(bytes, size, config);
    if (code != VP8_STATUS_OK) {
        return damaged(code, error);
    }
    for (size_t y = 0; config->input.has_alpha && y < (size_t)sink->height; y++) {
        const uint8_t *rgba = config->output.u.RGBA.rgba + y * (size_t)config->output.u.RGBA.stride;
        for (size_t x = 0; x < (size_t)sink->width; x++) {
            memcpy(sink->pixels + y * stride + x * 3, rgba + x * 4, 3);
        }
    }
    return STATUS_OK;
}

enum status image_webp_decode(const uint8_t *bytes, size_t size, struct image_sink *sink, int *width,
                              int *height, struct error *error)
{
    WebPDecoderConfig config;
    if (!WebPInitDecoderConfig(&config)) {
        return error_set(error, STATUS_INTERNAL, NULL, "build again",
                         "libwebp is another than it was built with");
    }
    const VP8StatusCode code = WebPGetFeatures(bytes, size, &config.input);
    if (code != VP8_STATUS_OK) {
        return damaged(code, error);
    }
    *width = config.input.width;
    *height = config.input.height;
    enum status status = image_check_side((uint64_t)*width, (uint64_t)*height, error);
    if (status == STATUS_OK && config.input.has_animation) {
        status = error_set(error, STATUS_DATA, NULL, "convert the image to PNG", "the WebP is an animation");
    }
    if (status == STATUS_OK && sink) {
        status = image_sink_open(sink, (uint64_t)*width, (uint64_t)*height, error);
    }
    if (status == STATUS_OK && sink) {
        status = decode(bytes, size, &config, sink, error);
        WebPFreeDecBuffer(&config.output);
    }
    return status;
}

#else

enum status image_webp_decode(const uint8_t *bytes, size_t size, struct image_sink *sink, int *width,
                              int *height, struct error *error)
{
    (void)bytes, (void)size, (void)sink, (void)width, (void)height;
    return image_without(error, "WebP", "libwebp");
}

#endif
