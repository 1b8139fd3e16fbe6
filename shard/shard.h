/* A shard: one HDF5 file with a part of one dataset (README, "Files").
 *
 *   attributes: dail_format "shard", version, dataset, dataset_id, shard, shards, classes, encoding
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
#include "shard/image.h"

#include <stdint.h>

#define SHARD_VERSION 1
#define SHARD_NAME_MAX 128

struct shard {
    char path[1024];
    char dataset[SHARD_NAME_MAX];
    uint32_t dataset_id;
    uint32_t shard, shards; /* number of this one, and of all */
    uint32_t classes;
    enum image_encoding encoding;
    uint32_t images;
    uint64_t bytes; /* of /image */
    uint64_t *offset; /* [images + 1], owned */
    uint32_t *label; /* [images], owned */
    uint32_t *crc; /* [images], owned */
    int64_t file; /* the HDF5 handles: private */
    int64_t dataset_handle;
};

/* Opens and checks a shard's index; reads no image. STATUS_DATA names file, dataset and the first fault. */
enum status shard_open(const char *path, struct shard *shard, struct error *error);

void shard_close(struct shard *shard);

/* Every field against every other: used by shard_open, by tests, and before writing. */
enum status shard_is_valid(const struct shard *shard, struct error *error);

/* Reads the bytes of images begin..begin+count-1 in one large contiguous read into
 * `bytes` (caller's, shard->offset[begin+count] - shard->offset[begin] bytes). No crc check. */
enum status shard_read(const struct shard *shard, uint32_t begin, uint32_t count, uint8_t *bytes,
                       struct error *error);

/* Checks one image's bytes against its crc. STATUS_DATA names file, dataset, shard and image. */
enum status shard_check_image(const struct shard *shard, uint32_t image, const uint8_t *bytes,
                              struct error *error);

/* Writes one shard: create, append images, finish. The file is written under "<path>.tmp" and renamed by
 * finish, which also gives its size and crc32; abandon removes it. */
struct shard_writer;

enum status shard_writer_create(const char *path, const char *dataset, uint32_t dataset_id, uint32_t shard,
                                uint32_t shards, uint32_t classes, enum image_encoding encoding,
                                struct shard_writer **writer, struct error *error);
enum status shard_writer_append(struct shard_writer *writer, const uint8_t *bytes, size_t size,
                                uint32_t label, struct error *error);
/* The number of shards is often known only at the end: rewrites the attribute before finish. */
void shard_writer_set_shards(struct shard_writer *writer, uint32_t shards);
enum status shard_writer_finish(struct shard_writer *writer, uint64_t *file_bytes, uint32_t *file_crc,
                                struct error *error);
void shard_writer_abandon(struct shard_writer *writer);

#endif
