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

void shard_cache_release(struct cached_shard *shard)
{
    if (atomic_fetch_sub(&shard->users, 1) == 1) {
        shard_close(&shard->shard);
        free(shard);
    }
}

static void take_out(struct cached_shard **link)
{
    struct cached_shard *shard = *link;
    *link = shard->next;
    shard_cache_release(shard);
}

void shard_cache_free(struct shard_cache *cache)
{
    if (!cache) {
        return;
    }
    while (cache->first) {
        take_out(&cache->first);
    }
    free(cache);
}

/* Takes out the idle shard that was needed longest ago when there are too many. */
static void evict(struct shard_cache *cache)
{
    struct cached_shard **oldest = NULL;
    int idle = 0;
    for (struct cached_shard **link = &cache->first; *link; link = &(*link)->next) {
        if (atomic_load(&(*link)->users) == 1) {
            idle++;
            if (!oldest || (*link)->used < (*oldest)->used) {
                oldest = link;
            }
        }
    }
    if (idle > CACHE_IDLE_MAX) {
        take_out(oldest);
    }
}

static struct cached_shard **find_shard(struct shard_cache *cache, const struct manifest *manifest,
                                        uint32_t index)
{
    struct cached_shard **link = &cache->first;
    while (*link && ((*link)->manifest != manifest || (*link)->index != index)) {
        link = &(*link)->next;
    }
    return link;
}

struct cached_shard *shard_cache_use(struct shard_cache *cache, const struct manifest *manifest,
                                     uint32_t index)
{
    struct cached_shard *shard = *find_shard(cache, manifest, index);
    if (shard) {
        atomic_fetch_add(&shard->users, 1);
        shard->used = ++cache->count;
    }
    return shard;
}

enum status shard_cache_open(const struct manifest *manifest, uint32_t index, struct cached_shard **opened,
                             struct error *error)
{
    struct cached_shard *shard = calloc(1, sizeof *shard);
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
    atomic_init(&shard->users, 1);
    *opened = shard;
    return STATUS_OK;
}

void shard_cache_keep(struct shard_cache *cache, struct cached_shard *shard)
{
    if (shard->used == 0) {
        atomic_fetch_add(&shard->users, 1);
        shard->next = cache->first;
        cache->first = shard;
    }
    shard->used = ++cache->count;
    evict(cache);
}

void shard_cache_forget(struct shard_cache *cache, const struct manifest *manifest, uint32_t index)
{
    struct cached_shard **link = find_shard(cache, manifest, index);
    if (*link) {
        take_out(link);
    }
}
