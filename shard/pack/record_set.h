/* An InsightFace set of images in RecordIO: where every image lies, and its label. Private to shard/.
 *
 * `train.rec` may begin with a header record, whose labels are 1 more than the number of images, and that
 * plus the number of identities; then come the images, and a record for each identity. The header and the
 * identity records have no image. im2rec writes the images alone. `train.idx`, beside it, has the places of all records,
 * or of a part of them, which then are those that are taken; `property` the number of classes and the images' size: "93431,112,112". Only train.rec is
 * needed.
 */
#ifndef DAIL_SHARD_PACK_RECORD_SET_H
#define DAIL_SHARD_PACK_RECORD_SET_H

#include "shard/pack/pack.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct record_set {
    char path[1024]; /* of the .rec */
    int descriptor;
    uint64_t images;
    uint64_t *offset; /* [images], owned: of their records */
    uint32_t *span; /* [images], owned */
    uint32_t *label; /* [images], owned */
    uint32_t classes; /* labels are below it */
    uint64_t largest; /* which image has the largest label */
    bool torn; /* a piece of the file was left out */
    uint32_t digest; /* a crc of the labels and places */
};

/* Opens `path`, a .rec or a folder that has train.rec or one other, and looks at all of its records: 16 bytes
 * an image in memory, whatever their size. STATUS_DATA where something contradicts something else, such as
 * the index or the property file. Of the style it is whether damage and records without an image are left out, and who is
 * told. */
enum status record_set_open(const char *path, const struct pack_style *style, struct record_set *set,
                            struct error *error);
void record_set_close(struct record_set *set);

/* The bytes of the image whose record begins at `offset` of an open file and has `span` bytes, as new memory
 * that the caller frees. STATUS_DATA. */
enum status record_read(int descriptor, uint64_t offset, uint32_t span, uint8_t **bytes, size_t *size,
                        struct error *error);
/* Likewise of one image of the set. Several threads may call it at once. */
enum status record_set_read(const struct record_set *set, uint64_t number, uint8_t **bytes, size_t *size,
                            struct error *error);

#endif
