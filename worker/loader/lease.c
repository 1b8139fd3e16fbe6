#include "worker/loader/lease.h"

#include "shard/image/image.h"

#include <stdio.h>
#include <stdlib.h>

/* How many images from `begin` on make a piece. */
static uint32_t piece_of(const struct shard *shard, uint32_t begin, uint32_t end)
{
    uint32_t last = begin + 1;
    while (last < end && shard->offset[last + 1] - shard->offset[begin] <= LEASE_READ_BYTES) {
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

enum status lease_open(struct shard_cache *cache, const struct manifest *manifest,
                       const struct message_lease *lease, bool (*stopped)(void *context), void *context,
                       struct lease_data *data, struct error *error)
{
    *data = (struct lease_data){.begin = lease->begin, .count = lease->count};
    enum status status = shard_cache_use(cache, manifest, lease->shard, &data->shard, error);
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
        shard_cache_release(data->shard);
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
