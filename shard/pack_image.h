/* Image files read, checked and brought to their stored form, several at once. Private to shard/. */
#ifndef DAIL_SHARD_PACK_IMAGE_H
#define DAIL_SHARD_PACK_IMAGE_H

#include "shard/pack.h"

/* How many images are in memory at a time. */
#define PACK_BATCH 128

struct packed_image {
    char path[1024]; /* filled by the caller */
    uint8_t *bytes; /* owned: packed_image_free */
    size_t size;
    bool kept; /* the file's own bytes */
    enum status status;
    struct error error;
};

/* Fills images[count] from their paths; each has its own status. Uses all threads that OpenMP offers. */
void pack_images(const struct pack_style *style, struct packed_image *images, size_t count);
void packed_image_free(struct packed_image *image);

/* After a bad image: STATUS_OK, with a warning, if the style says to leave it out; else its status and
 * error. Only STATUS_DATA is a matter of the image. */
enum status pack_bad_image(const struct pack_style *style, const struct packed_image *image,
                           struct error *error);

/* STATUS_USAGE unless the style makes sense. */
enum status pack_style_is_valid(const struct pack_style *style, struct error *error);

#endif
