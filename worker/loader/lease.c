#include "worker/loader/lease.h"

#include "shard/image/image.h"

#include <stdio.h>
#include <stdlib.h>

enum status lease_open(struct shard_cache *cache, const struct lease_request *request,
                       struct lease_data *data, struct error *error)
{
    *data = (struct lease_data){.begin = request->lease->begin, .count = request->lease->count};
    enum status status = lease_read(cache, request, &data->shard, &data->bytes, error);
    data->open = status == STATUS_OK;
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
