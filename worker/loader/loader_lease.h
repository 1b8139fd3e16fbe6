/* The loader's reading side: shards kept open, a lease's bytes in memory, and one image of it as the network
 * wants it. Used by the loader's thread alone.
 */
#ifndef DAIL_WORKER_LOADER_LOADER_LEASE_H
#define DAIL_WORKER_LOADER_LOADER_LEASE_H

#include "proto/error.h"
#include "proto/message.h"
#include "shard/manifest.h"

#include <stdbool.h>
#include <stdint.h>

/* Open shards: those that a lease needs, and a few more that were needed last. */
struct shard_cache;

enum status shard_cache_create(const struct manifest *manifests, struct shard_cache **cache,
                               struct error *error);
/* Closes all shards. Every lease must be closed. */
void shard_cache_free(struct shard_cache *cache);

/* A lease in memory; all zero: closed. */
struct lease_data {
    struct shard_cache *cache;
    struct cached_shard *shard;
    const struct manifest *manifest;
    uint32_t begin, count;
    uint8_t *bytes; /* of its images, end to end */
    bool open;
};

/* Reads the lease's bytes in large contiguous pieces, asking between them whether it is to stop:
 * STATUS_STOPPED then. */
enum status lease_open(struct shard_cache *cache, const struct message_lease *lease,
                       bool (*stopped)(void *context), void *context, struct lease_data *data,
                       struct error *error);
/* Frees the bytes; the shard stays in the cache. */
void lease_close(struct lease_data *data);

/* Decodes image `image` of the shard (within the lease), its crc checked, into pixels u8 [side][side][3];
 * gives its label. */
enum status lease_decode(const struct lease_data *data, uint32_t image, int side, uint8_t *pixels,
                         uint32_t *label, struct error *error);

/* How an image is shifted and mirrored. */
struct augment {
    bool flip; /* with probability a half */
    int shift; /* up to so many pixels, each way */
    uint64_t seed;
};

/* pixels u8 [side][side][3] -> values f32 [side][side][3], (x - 127.5) / 127.5, moved and mirrored as drawn
 * for (epoch, id); what a shift uncovers repeats the edge. `table` is from augment_table. */
void augment_image(const struct augment *augment, int64_t epoch, uint64_t id, int side, const uint8_t *pixels,
                   const float table[256], float *values);
void augment_table(float table[256]);

#endif
