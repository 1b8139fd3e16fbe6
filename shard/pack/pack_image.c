#include "shard/pack/pack_image.h"

#include "proto/file.h"
#include "shard/align/align_face.h"
#include "shard/shard.h"

#include <errno.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

/* An image that shrinks by so much more is decoded smaller: what is left is as much as the filter can tell apart. */
#define KEPT_FOR_RESIZING 2
#define REDUCE_MOST 8

enum status pack_style_is_valid(const struct pack_style *style, struct error *error)
{
    if (style->size < 1 || style->size > IMAGE_SIDE_MAX) {
        return error_set(error, STATUS_USAGE, NULL, NULL, "images of %d pixels a side cannot be stored",
                         style->size);
    }
    if (style->encoding != IMAGE_JPEG && style->encoding != IMAGE_PNG) {
        return error_set(error, STATUS_USAGE, NULL, NULL, "images are stored as JPEG or PNG");
    }
    if (style->quality < 1 || style->quality > 100) {
        return error_set(error, STATUS_USAGE, NULL, NULL, "JPEG quality %d is not within 1 to 100",
                         style->quality);
    }
    return STATUS_OK;
}

void packed_image_free(struct packed_image *image)
{
    free(image->bytes);
    image->bytes = NULL;
    image->size = 0;
}

bool packed_image_is_unread(const struct packed_image *image)
{
    return image->status != STATUS_OK && image->error.number != 0;
}

/* To the square that is stored. */
static enum status fit(const struct pack_style *style, const struct image *image, struct packed_image *packed)
{
    struct image resized = {0};
    packed->fitted = image->width != image->height;
    enum status status = image_resize_part(image, image_fit_part(image->width, image->height, style->fit),
                                           style->size, &resized, &packed->error);
    if (status == STATUS_OK) {
        status = image_encode(&resized, style->encoding, style->quality, &packed->bytes, &packed->size,
                              &packed->error);
    }
    image_free(&resized);
    return status;
}

/* Likewise by its face; frees the image's bytes. */
static enum status align(const struct pack_style *style, uint8_t *bytes, size_t size,
                         struct packed_image *packed)
{
    struct image aligned = {0};
    const struct face *face = face_table_find(style->faces, packed->where);
    enum status status =
        face ? align_face(bytes, size, face, style->size, style->margin, &aligned, &packed->error)
             : error_set(&packed->error, STATUS_DATA, NULL, NULL,
                         "the table of faces does not name the image");
    free(bytes);
    if (status == STATUS_OK) {
        status = image_encode(&aligned, style->encoding, style->quality, &packed->bytes, &packed->size,
                              &packed->error);
    }
    image_free(&aligned);
    return status;
}

/* Takes the image's own bytes, or frees them. */
static enum status convert(const struct pack_style *style, uint8_t *bytes, size_t size,
                           struct packed_image *packed)
{
    if (style->faces) {
        return align(style, bytes, size, packed);
    }
    struct image image = {0};
    enum image_encoding encoding = image_sniff(bytes, size);
    enum status status = image_decode_reduced(bytes, size, REDUCE_MOST, style->size * KEPT_FOR_RESIZING,
                                              &image, &packed->error);
    if (status == STATUS_OK) {
        packed->kept = (encoding == IMAGE_JPEG || encoding == IMAGE_PNG) && image.width == style->size &&
                       image.height == style->size && !packed->turned && size <= SHARD_IMAGE_BYTES_MAX;
        if (!packed->kept) {
            status = fit(style, &image, packed);
        }
        image_free(&image);
    }
    if (packed->kept) {
        packed->bytes = bytes;
        packed->size = size;
    } else {
        free(bytes);
    }
    return status;
}

static uint32_t crc_of(const void *bytes, size_t size)
{
    return (uint32_t)crc32_z(crc32_z(0, NULL, 0), bytes, size);
}

/* The crc of a file's size and time; looked at before it is read, so that a change meanwhile is seen the next time. */
static enum status stamp(const struct pack_images_source *source, uint64_t number, char *where, uint32_t *crc,
                         struct error *error)
{
    struct stat file;
    *crc = 0;
    if (!source->look) {
        return STATUS_OK;
    }
    enum status status = source->look(source->context, number, where, &file, error);
    if (status == STATUS_OK) {
        const int64_t told[3] = {file.st_size, file.st_mtim.tv_sec, file.st_mtim.tv_nsec};
        *crc = crc_of(told, sizeof told);
    }
    return status;
}

enum status pack_image_changed(const struct pack_images_source *source, uint64_t number,
                               const struct dataset_origin *then, bool *changed, char *where,
                               struct error *error)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    uint32_t now = 0;
    *changed = false;
    enum status status = stamp(source, number, where, &now, error);
    if (status != STATUS_OK || now == then->stamp) {
        return status;
    }
    status = source->read(source->context, number, where, &bytes, &size, error);
    if (status == STATUS_OK) {
        *changed = crc_of(bytes, size) != then->bytes;
        free(bytes);
    } else if (status == STATUS_DATA && error->number == 0) {
        *changed = true; /* it is damaged now */
        status = STATUS_OK;
    }
    return status;
}

static enum status pack(const struct pack_style *style, const struct pack_images_source *source,
                        struct packed_image *packed)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    packed->where[0] = 0;
    packed->origin = (struct dataset_origin){0};
    enum status status = stamp(source, packed->number, packed->where, &packed->origin.stamp, &packed->error);
    if (status == STATUS_OK) {
        status = source->read(source->context, packed->number, packed->where, &bytes, &size, &packed->error);
    }
    if (status == STATUS_OK) {
        packed->origin.bytes = crc_of(bytes, size);
        packed->turned = image_orientation(bytes, size) != 1;
        status = convert(style, bytes, size, packed);
    }
    if (status != STATUS_OK) {
        error_prefix_where(&packed->error, packed->where);
    }
    return status;
}

void pack_images(const struct pack_style *style, const struct pack_images_source *source,
                 struct packed_image *images, size_t count, void (*meanwhile)(void *context), void *context)
{
    const int threads = style->threads > 0 ? style->threads : omp_get_max_threads();
    /* Turn 0 is the other work: it begins first, since it may take longest. */
#pragma omp parallel for schedule(dynamic) num_threads(threads)
    for (size_t turn = meanwhile ? 0 : 1; turn <= count; turn++) {
        if (turn == 0) {
            meanwhile(context);
        } else {
            struct packed_image *image = &images[turn - 1];
            image->bytes = NULL;
            image->kept = image->fitted = image->turned = false;
            image->status = pack(style, source, image);
        }
    }
}

enum status pack_read_file(const char *path, uint8_t **bytes, size_t *size, struct error *error)
{
    char *text;
    enum status status = file_read(path, PACK_IMAGE_BYTES_MAX, &text, size, error);
    if (status == STATUS_OK) {
        *bytes = (uint8_t *)text;
    } else if (error) {
        error->where[0] = 0;
    }
    return status;
}

enum status pack_read_listed(const char *path, uint8_t **bytes, size_t *size, struct error *error)
{
    enum status status = pack_read_file(path, bytes, size, error);
    if (status == STATUS_DATA && error->number == ENOENT) {
        error_of_system(error, 0);
    }
    return status;
}

enum status pack_read_part(int descriptor, uint64_t offset, size_t size, uint8_t **bytes, struct error *error)
{
    uint8_t *part = malloc(size + 1);
    if (!part) {
        return error_set(error, STATUS_INTERNAL, NULL, NULL, "no memory for %zu bytes", size);
    }
    enum status status = file_read_part(descriptor, offset, part, size, error);
    if (status == STATUS_OK) {
        *bytes = part;
    } else {
        free(part);
    }
    return status;
}

enum status pack_bad_image(const struct pack_style *style, const struct packed_image *image,
                           struct error *error)
{
    char line[ERROR_LINE_SIZE];
    const bool bad = image->status == STATUS_DATA && !packed_image_is_unread(image);
    if (!bad || !style->skip_bad) {
        if (error) {
            *error = image->error;
        }
        if (bad) {
            error_advise(error, "replace or remove the image, or leave such ones out with --skip-bad");
        } else if (image->status == STATUS_DATA) {
            error_advise(error, "see to the disk or file server, then give the same command again");
        }
        return image->status;
    }
    left_out_add(style->left_out, LEFT_OUT_BAD_IMAGE, image->where, image->error.what);
    error_format(&image->error, line, sizeof line);
    if (style->warn) {
        style->warn(style->context, line);
    }
    return STATUS_OK;
}
