/* The kinds of image files that there are, by their first bytes and by the endings of their names: the one table of both.
 * Kinds that are not decoded stand in it too, so that they can be told by name instead of passed over. */
#ifndef DAIL_SHARD_IMAGE_IMAGE_FORMAT_H
#define DAIL_SHARD_IMAGE_IMAGE_FORMAT_H

#include "shard/image/image.h"

#define IMAGE_ENDINGS_MAX 5

struct image_format {
    const char *name; /* as people write it: "WebP" */
    enum image_encoding encoding; /* IMAGE_UNKNOWN: known and not decoded */
    const char *endings
        [IMAGE_ENDINGS_MAX]; /* in small letters, with the dot; up to NULL; the first is the usual one */
    struct {
        const char *bytes; /* '?' is any byte, '_' white space or '#' */
        size_t size;
    } begin[4]; /* any of these, up to NULL */
};

/* Of all kinds, by number from 0; NULL after the last. */
const struct image_format *image_format_at(size_t number);

/* By the first bytes; NULL where no kind begins so. */
const struct image_format *image_format_of_bytes(const uint8_t *bytes, size_t size);

/* By the ending of a file's name, in any case; NULL where it has none or one of no image. */
const struct image_format *image_format_of_name(const char *name);

#endif
