/* Shards kept open: those that a lease needs, and a few more that were needed last. The cache is one thread's; a shard
 * may be used and released by any, and closes with its last user. */
#ifndef DAIL_WORKER_LOADER_SHARD_CACHE_H
#define DAIL_WORKER_LOADER_SHARD_CACHE_H

#include "proto/error.h"
#include "shard/manifest.h"

#include <stdatomic.h>
#include <stdint.h>

struct shard_cache;

struct cached_shard {
    struct cached_shard *next;
    const struct manifest *manifest;
    uint32_t index; /* of the manifest's shards */
    atomic_uint users; /* the cache is one, while it is in there */
    uint64_t used; /* when last, by the cache's count; 0: it is in no cache */
    struct shard shard;
};

enum status shard_cache_create(struct shard_cache **cache, struct error *error);
/* Closes all shards but those in use. NULL is left alone. */
void shard_cache_free(struct shard_cache *cache);

/* Shard `index` of the manifest, in use until shard_cache_release; NULL if it is not open. */
struct cached_shard *shard_cache_use(struct shard_cache *cache, const struct manifest *manifest,
                                     uint32_t index);
/* Opens it, in no cache yet; in use likewise. */
enum status shard_cache_open(const struct manifest *manifest, uint32_t index, struct cached_shard **shard,
                             struct error *error);
/* Puts a shard into the cache, unless it is there, to stay open for a while. */
void shard_cache_keep(struct shard_cache *cache, struct cached_shard *shard);
/* Takes it out of the cache, if it is there: the next use opens its file anew. */
void shard_cache_forget(struct shard_cache *cache, const struct manifest *manifest, uint32_t index);

void shard_cache_release(struct cached_shard *shard);

#endif
