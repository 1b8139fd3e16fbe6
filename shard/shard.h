/* A shard: one HDF5 file with a part of one dataset (etc/doc/guide.md, "Files").
 *
 *   attributes: dail_format "shard", version, dataset, dataset_id, shard, shards, classes,
 *               encoding ("jpeg", "png" or "mixed")
 *   /image  uint8[bytes]   all encoded images end to end
 *   /offset uint64[n+1]    image i is bytes offset[i]..offset[i+1]
 *   /label  uint32[n]      0..classes-1, local to the dataset
 *   /crc    uint32[n]      zlib's crc32 of each image's bytes
 *
 * The reader trusts nothing: every attribute, offset, label and count is checked when the shard is opened,
 * every image's crc when it is read. Files are opened read-only with locking off; dynamic filter plugins are
 * disabled and external links and external storage refused.
 */
#ifndef DAIL_SHARD_SHARD_H
#define DAIL_SHARD_SHARD_H

#include "proto/error.h"
#include "shard/image/image.h"

#include <stdbool.h>
#include <stdint.h>

#define SHARD_VERSION 1
#define SHARD_NAME_MAX 128
#define SHARD_IMAGE_BYTES_MAX (1 << 26) /* of one encoded image */

struct shard {
    char path[1024];
    char dataset[SHARD_NAME_MAX];
    uint32_t dataset_id;
    uint32_t shard, shards; /* number of this one, and of all */
    uint32_t classes;
    enum image_encoding encoding; /* IMAGE_UNKNOWN: "mixed", JPEG and PNG; each image's bytes tell */
    uint32_t images;
    uint64_t bytes; /* of /image */
    uint64_t *offset; /* [images + 1], owned */
    uint32_t *label; /* [images], owned */
    uint32_t *crc; /* [images], owned */
    int descriptor; /* private, as are the next: where the pieces of /image lie in the file */
    uint64_t piece_bytes; /* of each but the last */
    uint64_t pieces;
    uint64_t *piece; /* [pieces], owned: offsets in the file */
};

/* "jpeg", "png" or (IMAGE_UNKNOWN) "mixed"; NULL for an encoding that no file of ours holds. */
const char *shard_encoding_name(enum image_encoding encoding);
/* The reverse: false if `name` is none of them. */
bool shard_encoding_parse(const char *name, enum image_encoding *encoding);

/* A dataset's name is part of file names: letters, digits, ".", "_" and "-", not starting with "." or "-",
 * below SHARD_NAME_MAX bytes. */
bool shard_name_is_valid(const char *name);

/* Opens and checks a shard's index; reads no image. STATUS_DATA names file, dataset and the first fault.
 * Uses HDF5 (no two threads at once); the other functions do not, and leave the file's position alone. */
enum status shard_open(const char *path, struct shard *shard, struct error *error);

/* {0} and a closed shard are left alone. */
void shard_close(struct shard *shard);

/* Every field against every other: used by shard_open, by tests, and before writing. */
enum status shard_is_valid(const struct shard *shard, struct error *error);

/* Reads the bytes of images begin..begin+count-1 in one large contiguous read into
 * `bytes` (caller's, shard->offset[begin+count] - shard->offset[begin] bytes). No crc check. */
enum status shard_read(const struct shard *shard, uint32_t begin, uint32_t count, uint8_t *bytes,
                       struct error *error);

/* Tells a shard from another one of the same size without reading its images: zlib's crc32 over each image's label and
 * crc (uint32, little-endian), in order. */
uint32_t shard_index_crc(const struct shard *shard);

/* Where byte `byte` of /image lies in the file, for messages. */
uint64_t shard_file_offset(const struct shard *shard, uint64_t byte);

/* Checks one image's bytes against its crc. STATUS_DATA names file, dataset, shard and image. */
enum status shard_check_image(const struct shard *shard, uint32_t image, const uint8_t *bytes,
                              struct error *error);

/* Writes one shard: create, append images, finish. The file is written under "<path>.tmp" and renamed by
 * finish, which also gives its size and crc32; abandon removes it. */
struct shard_writer;

/* `encoding`: what every image must be; IMAGE_UNKNOWN takes JPEG and PNG, and what they were is recorded. */
enum status shard_writer_create(const char *path, const char *dataset, uint32_t dataset_id, uint32_t shard,
                                uint32_t shards, uint32_t classes, enum image_encoding encoding,
                                struct shard_writer **writer, struct error *error);
enum status shard_writer_append(struct shard_writer *writer, const uint8_t *bytes, size_t size,
                                uint32_t label, struct error *error);
/* What is in it so far; valid until finish or abandon. */
const struct shard *shard_writer_state(const struct shard_writer *writer);
/* Frees the writer in any case; on an error nothing is left of the file. */
enum status shard_writer_finish(struct shard_writer *writer, uint64_t *file_bytes, uint32_t *file_crc,
                                struct error *error);
void shard_writer_abandon(struct shard_writer *writer);

#endif
