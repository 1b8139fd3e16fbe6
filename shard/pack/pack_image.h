/* Images read from where they come from, checked and brought to their stored form, several at once. Private
 * to shard/. */
#ifndef DAIL_SHARD_PACK_PACK_IMAGE_H
#define DAIL_SHARD_PACK_PACK_IMAGE_H

#include "proto/file.h"
#include "shard/dataset/dataset_writer.h"
#include "shard/pack/pack.h"

#include <sys/stat.h>

/* How many images are in memory at a time: as many again while they are written. */
#define PACK_BATCH 256

/* No image to be imported is larger. */
#define PACK_IMAGE_BYTES_MAX ((size_t)1 << 28)

struct packed_image {
    uint64_t number; /* filled by the caller: which one of its source */
    char where[PATH_SIZE]; /* what errors call it */
    uint8_t *bytes; /* owned: packed_image_free */
    size_t size;
    bool kept; /* as they were in the source */
    bool fitted; /* it was not square */
    bool turned; /* it did not lie upright */
    struct dataset_origin origin; /* of the source, as it was read */
    enum status status;
    struct error error;
};

/* Images by number. */
struct pack_images_source {
    const void *context;
    /* The bytes of one image as new memory that the caller frees, and in where[PATH_SIZE] what it is called.
     * Several threads call it at once. An error's where is left to the caller. */
    enum status (*read)(const void *context, uint64_t number, char *where, uint8_t **bytes, size_t *size,
                        struct error *error);
    /* The file that it is in, without reading it, and in where[PATH_SIZE] what the image is called; likewise. NULL: it is
     * not asked whether images have changed. */
    enum status (*look)(const void *context, uint64_t number, char *where, struct stat *file,
                        struct error *error);
};

/* Fills images[count] by their numbers; each has its own status. Uses the style's threads; one of them first
 * runs `meanwhile` (may be NULL): what else is to be done, such as writing the images before. */
void pack_images(const struct pack_style *style, const struct pack_images_source *source,
                 struct packed_image *images, size_t count, void (*meanwhile)(void *context), void *context);
void packed_image_free(struct packed_image *image);

/* Whether an image of a source is another than it was: by the size and time of its file, and where these are others by its
 * bytes. `where` is what it is called. STATUS_DATA where it cannot be read. */
enum status pack_image_changed(const struct pack_images_source *source, uint64_t number,
                               const struct dataset_origin *then, bool *changed, char *where,
                               struct error *error);

/* Whether the system failed to read it, which tells nothing of the image. */
bool packed_image_is_unread(const struct packed_image *image);

/* After a bad image: STATUS_OK, with a warning, if the style says to leave it out; else its status and
 * error. Only STATUS_DATA of an image that was read is a matter of the image. */
enum status pack_bad_image(const struct pack_style *style, const struct packed_image *image,
                           struct error *error);

/* A file that holds an image: what a source reads where its images are files. */
enum status pack_read_file(const char *path, uint8_t **bytes, size_t *size, struct error *error);
/* Likewise one that a list names: that it is not there is a fault of the list, not of the system. */
enum status pack_read_listed(const char *path, uint8_t **bytes, size_t *size, struct error *error);
/* `size` bytes at `offset` of an open file, as new memory. STATUS_DATA. */
enum status pack_read_part(int descriptor, uint64_t offset, size_t size, uint8_t **bytes,
                           struct error *error);

/* STATUS_USAGE unless the style makes sense. */
enum status pack_style_is_valid(const struct pack_style *style, struct error *error);

#endif
