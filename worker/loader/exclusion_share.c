#include "worker/loader/exclusion_share.h"

#include "shard/identity/exclusion.h"

#include <stdlib.h>

static enum status share_shard(struct manifest_shard *shard, struct exchange *exchange, struct error *error)
{
    const struct exchange_operations *operations = exchange->operations;
    uint32_t count = shard->left_out_count;
    enum status status = operations->broadcast(exchange, &count, sizeof count, error);
    if (status != STATUS_OK || count == 0) {
        return status;
    }
    if (!shard->left_out) {
        shard->left_out = calloc(count, sizeof *shard->left_out);
    }
    status =
        exchange_agree(exchange, shard->left_out ? STATUS_OK : error_no_memory(error, "data.exclude"), error);
    if (status == STATUS_OK) {
        shard->left_out_count = count;
        status = operations->broadcast(exchange, shard->left_out, count * sizeof *shard->left_out, error);
    }
    return status;
}

enum status exclusion_share(char *const *tables, size_t count, struct manifest *manifests, size_t datasets,
                            struct exchange *exchange, struct error *error)
{
    struct exclusion_counts counts;
    if (count == 0) {
        return STATUS_OK;
    }
    enum status status =
        exchange->rank == 0 ? exclusion_apply(tables, count, manifests, datasets, &counts, error) : STATUS_OK;
    status = exchange_agree(exchange, status, error);
    for (size_t k = 0; k < datasets; k++) {
        for (uint32_t i = 0; i < manifests[k].shard_count && status == STATUS_OK; i++) {
            status = share_shard(&manifests[k].shards[i], exchange, error);
        }
    }
    return status;
}
