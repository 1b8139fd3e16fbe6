/* RecordIO, MXNet's container, as InsightFace's image sets use it. Reads; trusts nothing. Private to shard/.
 *
 * A file is records end to end, each a whole number of 4-byte words, little-endian (dmlc-core,
 * include/dmlc/recordio.h):
 *
 *   uint32 magic 0xced7230a; uint32 part << 29 | length; length bytes, filled up to a multiple of 4
 *
 * A record whose data has the magic word at a multiple of 4 is written in parts, 1 the first, 2 further ones,
 * 3 the last, between which the word is left out; part 0 is whole. The data of an image record (MXNet,
 * python/mxnet/recordio.py, IRHeader) is
 *
 *   uint32 flag; float label; uint64 id; uint64 id2; flag floats, the labels where flag is above 0; an image
 */
#ifndef DAIL_SHARD_PACK_RECORDIO_H
#define DAIL_SHARD_PACK_RECORDIO_H

#include "proto/error.h"

#include <stddef.h>
#include <stdint.h>

/* No record may take more of the file. */
#define RECORDIO_SPAN_MAX ((uint64_t)1 << 28)

struct recordio_record {
    uint64_t offset; /* in the file */
    uint32_t span; /* bytes in the file: all parts, as they lie there */
    uint64_t id;
    uint32_t labels; /* how many there are, at least 1 */
    float label[2]; /* the first of them */
    uint32_t image_bytes; /* of the image; 0: none, as in InsightFace's header and identity records */
};

/* Calls `visit` for every record in the file's order; ends early where that is not STATUS_OK, with its status. Reads the
 * file once, from end to end in large pieces. STATUS_DATA names the record's place. With `torn` (may be NULL) damage ends
 * nothing: it is told which piece of the file, up to the next record or the end, is none and why. A record whose length is
 * damaged may have swallowed others: it is such a piece itself. */
enum status recordio_scan(const char *path,
                          enum status (*visit)(void *context, const struct recordio_record *record,
                                               struct error *error),
                          void (*torn)(void *context, uint64_t begin, uint64_t end, const struct error *why),
                          void *context, struct error *error);

/* The image of one record, whose `span` bytes of the file are in `bytes`: brings its parts together at the
 * beginning of `bytes` and tells how many there are. STATUS_DATA unless they are one image record; its where
 * is left to the caller. */
enum status recordio_image(uint8_t *bytes, size_t span, size_t *image_bytes, struct error *error);

/* What an index file lists. */
struct recordio_index {
    uint64_t *offset; /* [count], ascending; the caller frees it */
    uint64_t count;
};

/* Reads an index file, lines of key and offset. STATUS_DATA names the first bad line, and an offset that is there twice. */
enum status recordio_read_index(const char *path, struct recordio_index *index, struct error *error);

#endif
