#include "worker/loader/shard_cache.h"

#include <stdlib.h>

/* Shards that stay open although no lease needs them: leases of one shard often follow each other on the
 * lanes of a worker. */
#define CACHE_IDLE_MAX 8

struct shard_cache {
    struct cached_shard *first;
    uint64_t count;
};

enum status shard_cache_create(struct shard_cache **cache, struct error *error)
{
    *cache = calloc(1, sizeof **cache);
    if (!*cache) {
        return error_no_memory(error, "loader");
    }
    return STATUS_OK;
}

static void close_first_of(struct cached_shard **link)
{
    struct cached_shard *shard = *link;
    *link = shard->next;
    shard_close(&shard->shard);
    free(shard);
}

void shard_cache_free(struct shard_cache *cache)
{
    if (!cache) {
        return;
    }
    while (cache->first) {
        close_first_of(&cache->first);
    }
    free(cache);
}

/* Closes the idle shard that was needed longest ago when there are too many. */
static void evict(struct shard_cache *cache)
{
    struct cached_shard **oldest = NULL;
    int idle = 0;
    for (struct cached_shard **link = &cache->first; *link; link = &(*link)->next) {
        if ((*link)->users == 0) {
            idle++;
            if (!oldest || (*link)->used < (*oldest)->used) {
                oldest = link;
            }
        }
    }
    if (idle > CACHE_IDLE_MAX) {
        close_first_of(oldest);
    }
}

static struct cached_shard *find_shard(struct shard_cache *cache, const struct manifest *manifest,
                                       uint32_t index)
{
    struct cached_shard *shard = cache->first;
    while (shard && (shard->manifest != manifest || shard->index != index)) {
        shard = shard->next;
    }
    return shard;
}

enum status shard_cache_use(struct shard_cache *cache, const struct manifest *manifest, uint32_t index,
                            struct cached_shard **used, struct error *error)
{
    struct cached_shard *shard = find_shard(cache, manifest, index);
    if (!shard) {
        shard = calloc(1, sizeof *shard);
        if (!shard) {
            return error_no_memory(error, "loader");
        }
        enum status status = manifest_open_shard(manifest, index, &shard->shard, error);
        if (status != STATUS_OK) {
            free(shard);
            return status;
        }
        shard->manifest = manifest;
        shard->index = index;
        shard->next = cache->first;
        cache->first = shard;
    }
    shard->users++;
    shard->used = ++cache->count;
    evict(cache);
    *used = shard;
    return STATUS_OK;
}

void shard_cache_release(struct cached_shard *shard)
{
    shard->users--;
}
