/* Records of a set brought to the order of the shards that they go to, in a file of their own: for sets that
 * are larger than memory, which are then read from end to end instead of record by record all over the disk.
 * Private to shard/.
 */
#ifndef DAIL_SHARD_PACK_RECORD_SPOOL_H
#define DAIL_SHARD_PACK_RECORD_SPOOL_H

#include "shard/archive/stored_images.h"

#include <stdbool.h>

#define RECORD_SPOOL_NONE UINT32_MAX

struct record_spool;

/* Whether reading a set's records in any order would have to wait for the disk: a sample of them is no longer
 * in memory. */
bool record_spool_is_needed(const struct stored_images *set);

/* Reads the set once, in its order, and writes images image[0..count), which ascend, to the file `path`,
 * where those of a shard lie together: shard[i] is that of image[i], or RECORD_SPOOL_NONE if it will not be
 * read. Takes the disk space of these records. STATUS_DATA, STATUS_STORAGE. */
enum status record_spool_create(const char *path, const struct stored_images *set, const uint32_t *image,
                                const uint32_t *shard, uint64_t count, uint32_t shards,
                                struct record_spool **spool, struct error *error);

/* As stored_images_read, image[number]. Several threads may call it at once, but shard after shard is expected.
 */
enum status record_spool_read(struct record_spool *spool, uint64_t number, uint8_t **bytes, size_t *size,
                              struct error *error);

/* Removes the file. */
void record_spool_close(struct record_spool *spool);

#endif
