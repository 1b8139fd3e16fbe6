/* Shards kept open: those that a lease needs, and a few more that were needed last. Used by one thread. */
#ifndef DAIL_WORKER_LOADER_SHARD_CACHE_H
#define DAIL_WORKER_LOADER_SHARD_CACHE_H

#include "proto/error.h"
#include "shard/manifest.h"

#include <stdint.h>

struct shard_cache;

struct cached_shard {
    struct cached_shard *next;
    const struct manifest *manifest;
    uint32_t index; /* of the manifest's shards */
    uint32_t users; /* leases that need it */
    uint64_t used; /* when last, by the cache's count */
    struct shard shard;
};

enum status shard_cache_create(struct shard_cache **cache, struct error *error);
/* Closes all shards; none may be in use. NULL is left alone. */
void shard_cache_free(struct shard_cache *cache);

/* Shard `index` of the manifest, opened if it is not; in use until shard_cache_release. */
enum status shard_cache_use(struct shard_cache *cache, const struct manifest *manifest, uint32_t index,
                            struct cached_shard **used, struct error *error);
/* It stays open for a while. */
void shard_cache_release(struct cached_shard *shard);

#endif
