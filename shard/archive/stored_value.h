/* What a value of a database holds that has an image and its label in one: a pickle or a msgpack of (image, label), or
 * Caffe's Datum. Nothing in a pickle is run. Private to shard/. */
#ifndef DAIL_SHARD_ARCHIVE_STORED_VALUE_H
#define DAIL_SHARD_ARCHIVE_STORED_VALUE_H

#include "proto/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct stored_value {
    size_t image, image_size; /* where in the value its image is */
    char label[256];
    bool datum; /* Caffe's: stored_value_unwrap makes the image of the whole value */
};

/* Looks at the `size` bytes of a value, which lie at `offset` of the file `path`. STATUS_DATA, with no place, where they are
 * none of these, or lack an image or a label. */
enum status stored_value_read(const char *path, uint64_t offset, const uint8_t *bytes, size_t size,
                              struct stored_value *value, struct error *error);

/* Makes the image that a Datum is: its encoded one, or its pixels as PNM. As stored_images.h's unwrap. */
enum status stored_value_unwrap(uint8_t **bytes, size_t span, size_t *size, struct error *error);

#endif
