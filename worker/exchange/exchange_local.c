#include "worker/exchange/exchange.h"

#include <stdlib.h>
#include <string.h>

/* With one worker every sum is its own addend, and there is nobody to trade with: only the gather moves anything. */

struct exchange_group {
    int members;
};

static enum status local_allgather(struct exchange *exchange, const void *send, size_t bytes, void *recv,
                                   struct error *error)
{
    (void)exchange;
    (void)error;
    memcpy(recv, send, bytes);
    return STATUS_OK;
}

static enum status local_trade(struct exchange *exchange, const struct exchange_piece *send, size_t sends,
                               const struct exchange_piece *receive, size_t receives, struct error *error)
{
    (void)exchange;
    (void)send;
    (void)sends;
    (void)receive;
    (void)receives;
    (void)error;
    return STATUS_OK;
}

static enum status local_broadcast(struct exchange *exchange, void *bytes, size_t size, struct error *error)
{
    (void)exchange;
    (void)bytes;
    (void)size;
    (void)error;
    return STATUS_OK;
}

static enum status local_sum_double(struct exchange *exchange, double *values, size_t count,
                                    struct error *error)
{
    (void)exchange;
    (void)values;
    (void)count;
    (void)error;
    return STATUS_OK;
}

static enum status local_group_create(struct exchange *exchange, int first, int count,
                                      struct exchange_group **group, struct error *error)
{
    *group = NULL;
    if (first != 0 || count != exchange->size) {
        return error_set(error, STATUS_INTERNAL, "exchange", NULL,
                         "a group of %d workers from %d was asked of a single worker", count, first);
    }
    *group = malloc(sizeof **group);
    if (!*group) {
        return error_no_memory(error, "exchange");
    }
    (*group)->members = count;
    return STATUS_OK;
}

static void local_group_free(struct exchange *exchange, struct exchange_group *group)
{
    (void)exchange;
    free(group);
}

static enum status local_group_reduce(struct exchange *exchange, struct exchange_group *group, float *values,
                                      size_t count, struct error *error)
{
    (void)exchange;
    (void)group;
    (void)values;
    (void)count;
    (void)error;
    return STATUS_OK;
}

static enum status local_bucket_start(struct exchange *exchange, float *values, size_t count, float *residual,
                                      struct error *error)
{
    (void)exchange;
    (void)residual;
    (void)values;
    (void)count;
    (void)error;
    return STATUS_OK;
}

static enum status local_complete(struct exchange *exchange, struct error *error)
{
    (void)exchange;
    (void)error;
    return STATUS_OK;
}

static void local_close(struct exchange *exchange)
{
    free(exchange);
}

enum status exchange_local_create(struct exchange **exchange, struct error *error)
{
    static const struct exchange_operations operations = {.allgather = local_allgather,
                                                          .trade = local_trade,
                                                          .broadcast = local_broadcast,
                                                          .sum_double = local_sum_double,
                                                          .group_create = local_group_create,
                                                          .group_free = local_group_free,
                                                          .group_max = local_group_reduce,
                                                          .group_sum = local_group_reduce,
                                                          .group_wait = local_complete,
                                                          .bucket_start = local_bucket_start,
                                                          .buckets_progress = local_complete,
                                                          .buckets_wait = local_complete,
                                                          .close = local_close};
    *exchange = calloc(1, sizeof **exchange);
    if (!*exchange) {
        return error_no_memory(error, "exchange");
    }
    (*exchange)->size = 1;
    (*exchange)->threads = 1;
    (*exchange)->levels = sum_levels_choose(1, 1);
    (*exchange)->operations = &operations;
    return STATUS_OK;
}
