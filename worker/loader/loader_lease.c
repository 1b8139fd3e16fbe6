#include "worker/loader/loader_lease.h"

#include "proto/random.h"
#include "shard/image/image.h"
#include "worker/loader/loader.h"

#include <stdio.h>
#include <stdlib.h>

/* Shards that stay open although no lease needs them: leases of one shard often follow each other on the
 * lanes of a worker. */
#define CACHE_IDLE_MAX 8

struct cached_shard {
    struct cached_shard *next;
    const struct manifest *manifest;
    uint32_t index;
    uint32_t users;
    uint64_t used; /* when last, by the cache's count */
    struct shard shard;
};

struct shard_cache {
    const struct manifest *manifests;
    struct cached_shard *first;
    uint64_t count;
};

enum status shard_cache_create(const struct manifest *manifests, struct shard_cache **cache,
                               struct error *error)
{
    *cache = calloc(1, sizeof **cache);
    if (!*cache) {
        return error_set(error, STATUS_INTERNAL, "loader", NULL, "out of memory");
    }
    (*cache)->manifests = manifests;
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

static enum status use_shard(struct shard_cache *cache, const struct manifest *manifest, uint32_t index,
                             struct cached_shard **used, struct error *error)
{
    struct cached_shard *shard = find_shard(cache, manifest, index);
    if (!shard) {
        shard = calloc(1, sizeof *shard);
        if (!shard) {
            return error_set(error, STATUS_INTERNAL, "loader", NULL, "out of memory");
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

/* How many images from `begin` on make a piece. */
static uint32_t piece_of(const struct shard *shard, uint32_t begin, uint32_t end)
{
    uint32_t last = begin + 1;
    while (last < end && shard->offset[last + 1] - shard->offset[begin] <= LOADER_READ_BYTES) {
        last++;
    }
    return last - begin;
}

static enum status read_pieces(const struct lease_data *data, bool (*stopped)(void *context), void *context,
                               struct error *error)
{
    const struct shard *shard = &data->shard->shard;
    uint32_t end = data->begin + data->count;
    enum status status = STATUS_OK;
    for (uint32_t begin = data->begin; begin < end && status == STATUS_OK;) {
        uint32_t piece = piece_of(shard, begin, end);
        uint8_t *bytes = data->bytes + (shard->offset[begin] - shard->offset[data->begin]);
        if (stopped(context)) {
            return STATUS_STOPPED;
        }
        status = shard_read(shard, begin, piece, bytes, error);
        begin += piece;
    }
    return status;
}

enum status lease_open(struct shard_cache *cache, const struct message_lease *lease,
                       bool (*stopped)(void *context), void *context, struct lease_data *data,
                       struct error *error)
{
    const struct manifest *manifest = &cache->manifests[lease->dataset];
    *data = (struct lease_data){
        .cache = cache, .manifest = manifest, .begin = lease->begin, .count = lease->count};
    enum status status = use_shard(cache, manifest, lease->shard, &data->shard, error);
    if (status != STATUS_OK) {
        return status;
    }
    data->open = true;
    const struct shard *shard = &data->shard->shard;
    uint64_t size = shard->offset[lease->begin + lease->count] - shard->offset[lease->begin];
    data->bytes = malloc(size > 0 ? (size_t)size : 1);
    if (!data->bytes) {
        status = error_set(error, STATUS_INTERNAL, shard->path, "use smaller shards, or more memory",
                           "no memory for the %llu bytes of a lease", (unsigned long long)size);
    } else {
        status = read_pieces(data, stopped, context, error);
    }
    if (status != STATUS_OK) {
        lease_close(data);
    }
    return status;
}

void lease_close(struct lease_data *data)
{
    if (data->open) {
        data->shard->users--;
        free(data->bytes);
    }
    *data = (struct lease_data){0};
}

enum status lease_decode(const struct lease_data *data, uint32_t image, int side, uint8_t *pixels,
                         uint32_t *label, struct error *error)
{
    const struct shard *shard = &data->shard->shard;
    const uint8_t *bytes = data->bytes + (shard->offset[image] - shard->offset[data->begin]);
    size_t size = (size_t)(shard->offset[image + 1] - shard->offset[image]);
    enum status status = shard_check_image(shard, image, bytes, error);
    if (status != STATUS_OK) {
        return status;
    }
    status = image_decode_into(bytes, size, side, pixels, error);
    if (status != STATUS_OK && error) {
        /* error->where may be empty, and is what error_prefix_where would keep. */
        snprintf(error->where, sizeof error->where, "%.*s, dataset %s, shard %u, image %u",
                 (int)sizeof error->where / 2, shard->path, shard->dataset, shard->shard, image);
        if (error->next[0] == '\0') {
            snprintf(error->next, sizeof error->next, "pack the dataset again at the model's input size");
        }
    }
    *label = shard->label[image];
    return status;
}

void augment_table(float table[256])
{
    for (int i = 0; i < 256; i++) {
        table[i] = ((float)i - 127.5f) / 127.5f;
    }
}

static int clamp_to_side(int position, int side)
{
    if (position < 0) {
        return 0;
    }
    return position < side ? position : side - 1;
}

void augment_image(const struct augment *augment, int64_t epoch, uint64_t id, int side, const uint8_t *pixels,
                   const float table[256], float *values)
{
    struct random random = random_stream(augment->seed, RANDOM_AUGMENT, (uint64_t)epoch, id);
    /* All draws are made whatever is switched on: switching one off leaves the other as it was. */
    bool flip = random_uniform(&random) < 0.5f && augment->flip;
    uint32_t span = 2 * (uint32_t)augment->shift + 1;
    int across = (int)random_below(&random, span) - augment->shift;
    int down = (int)random_below(&random, span) - augment->shift;
    for (int y = 0; y < side; y++) {
        const uint8_t *row = pixels + (size_t)clamp_to_side(y + down, side) * (size_t)side * 3;
        for (int x = 0; x < side; x++) {
            int source = clamp_to_side(x + across, side);
            const uint8_t *pixel = row + (flip ? side - 1 - source : source) * 3;
            *values++ = table[pixel[0]];
            *values++ = table[pixel[1]];
            *values++ = table[pixel[2]];
        }
    }
}
