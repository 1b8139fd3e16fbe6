/* A verification set: `<set>.h5` with images as in a shard and pairs of them.
 *
 *   attributes: dail_format "pairs", version, name, image_size, encoding
 *   /image, /offset, /crc as in a shard; /pair uint32[n,2]; /same uint8[n]; /fold uint8[n] (from 0)
 */
#ifndef DAIL_SHARD_PAIRS_H
#define DAIL_SHARD_PAIRS_H

#include "proto/error.h"
#include "shard/image/image.h"

#include <stdint.h>

#define PAIRS_VERSION 1
#define PAIRS_NAME_MAX 128

struct pairs {
    char path[1024];
    char name[PAIRS_NAME_MAX];
    int image_size;
    enum image_encoding encoding; /* IMAGE_UNKNOWN: "mixed", as in a shard */
    uint32_t images;
    uint64_t bytes;
    uint8_t *image; /* [bytes]: all encoded images, owned */
    uint64_t *offset; /* [images + 1], owned */
    uint32_t *crc; /* [images], owned */
    uint32_t count; /* of pairs */
    uint32_t *pair; /* [count][2], owned */
    uint8_t *same; /* [count], owned */
    uint8_t *fold; /* [count], owned */
};

/* Reads the whole set into memory and checks all of it, crcs included. */
enum status pairs_open(const char *path, struct pairs *pairs, struct error *error);
void pairs_close(struct pairs *pairs);
enum status pairs_is_valid(const struct pairs *pairs, struct error *error);
/* Writes by a temporary name and rename; fills nothing in but uses every field above except path. */
enum status pairs_write(const struct pairs *pairs, const char *path, struct error *error);

#endif
