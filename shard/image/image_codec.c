#include "shard/image/image_codec.h"

#include <stdlib.h>

enum status image_check_side(uint64_t width, uint64_t height, struct error *error)
{
    if (width == 0 || height == 0 || width > IMAGE_SIDE_MAX || height > IMAGE_SIDE_MAX) {
        return error_set(error, STATUS_DATA, NULL, IMAGE_REPLACE,
                         "the image says it is %llu x %llu, and 1 to %d pixels a side are read",
                         (unsigned long long)width, (unsigned long long)height, IMAGE_SIDE_MAX);
    }
    if (width * height > IMAGE_PIXELS_MAX) {
        return error_set(error, STATUS_DATA, NULL, IMAGE_REPLACE,
                         "the image says it is %llu x %llu, and at most %d pixels are read",
                         (unsigned long long)width, (unsigned long long)height, IMAGE_PIXELS_MAX);
    }
    return STATUS_OK;
}

enum status image_without(struct error *error, const char *kind, const char *library)
{
    return error_set(error, STATUS_DATA, NULL,
                     "etc/install-deps.sh and make again, or convert the image to JPEG or PNG",
                     "the image is %s, and this build is without %s", kind, library);
}

enum status image_sink_open(struct image_sink *sink, uint64_t width, uint64_t height, struct error *error)
{
    enum status status = image_check_side(width, height, error);
    if (status != STATUS_OK) {
        return status;
    }
    sink->width = (int)width;
    sink->height = (int)height;
    if (sink->side > 0) {
        if (sink->width != sink->side || sink->height != sink->side) {
            return error_set(error, STATUS_DATA, NULL, "pack the dataset again at the size wanted",
                             "the image is %d x %d where %d x %d is needed", sink->width, sink->height,
                             sink->side, sink->side);
        }
        return STATUS_OK;
    }
    sink->pixels = malloc((size_t)width * (size_t)height * 3);
    if (!sink->pixels) {
        return error_set(error, STATUS_INTERNAL, NULL, "free memory, or use smaller images",
                         "no memory for an image of %d x %d", sink->width, sink->height);
    }
    return STATUS_OK;
}
