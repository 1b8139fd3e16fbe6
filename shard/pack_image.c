#include "shard/pack_image.h"

#include "proto/file.h"
#include "shard/shard.h"

#include <stdlib.h>
#include <string.h>

#define FILE_BYTES_MAX ((size_t)1 << 28)

struct pack_style pack_style_defaults(void)
{
    return (struct pack_style){.size = 112, .encoding = IMAGE_JPEG, .quality = 95};
}

enum status pack_style_is_valid(const struct pack_style *style, struct error *error)
{
    if (style->size < 1 || style->size > IMAGE_SIDE_MAX)
        return error_set(error, STATUS_USAGE, NULL, NULL, "images of %d pixels a side cannot be stored",
                         style->size);
    if (style->encoding != IMAGE_JPEG && style->encoding != IMAGE_PNG)
        return error_set(error, STATUS_USAGE, NULL, NULL, "images are stored as JPEG or PNG");
    if (style->quality < 1 || style->quality > 100)
        return error_set(error, STATUS_USAGE, NULL, NULL, "JPEG quality %d is not within 1 to 100",
                         style->quality);
    return STATUS_OK;
}

void packed_image_free(struct packed_image *image)
{
    free(image->bytes);
    image->bytes = NULL;
    image->size = 0;
}

static enum status encode(const struct pack_style *style, const struct image *image,
                          struct packed_image *packed)
{
    struct image resized = {0};
    enum status status = image_resize(image, style->size, &resized, &packed->error);
    if (status == STATUS_OK)
        status = image_encode(&resized, style->encoding, style->quality, &packed->bytes, &packed->size,
                              &packed->error);
    image_free(&resized);
    return status;
}

static enum status pack(const struct pack_style *style, struct packed_image *packed)
{
    struct image image = {0};
    char *text;
    enum status status = file_read(packed->path, FILE_BYTES_MAX, &text, &packed->size, &packed->error);
    if (status != STATUS_OK)
        return status;
    uint8_t *bytes = (uint8_t *)text;
    enum image_encoding encoding = image_sniff(bytes, packed->size);
    status = image_decode(bytes, packed->size, &image, &packed->error);
    if (status == STATUS_OK) {
        packed->kept = (encoding == IMAGE_JPEG || encoding == IMAGE_PNG) && image.width == style->size &&
                       image.height == style->size && packed->size <= SHARD_IMAGE_BYTES_MAX;
        if (packed->kept)
            packed->bytes = bytes;
        else
            status = encode(style, &image, packed);
        image_free(&image);
    }
    if (!packed->kept)
        free(bytes);
    if (status != STATUS_OK)
        error_prefix_where(&packed->error, packed->path);
    return status;
}

void pack_images(const struct pack_style *style, struct packed_image *images, size_t count)
{
#pragma omp parallel for schedule(dynamic)
    for (size_t i = 0; i < count; i++) {
        images[i].bytes = NULL;
        images[i].kept = false;
        images[i].status = pack(style, &images[i]);
    }
}

enum status pack_bad_image(const struct pack_style *style, const struct packed_image *image,
                           struct error *error)
{
    char line[1400];
    if (image->status != STATUS_DATA || !style->skip_bad) {
        if (error != NULL)
            *error = image->error;
        if (error != NULL && image->status == STATUS_DATA)
            error_set(error, STATUS_DATA, image->error.where,
                      "replace or remove the image, or leave such ones out with --skip-bad", "%s",
                      image->error.what);
        return image->status;
    }
    error_format(&image->error, line, sizeof line);
    if (style->warn != NULL)
        style->warn(style->context, line);
    return STATUS_OK;
}
