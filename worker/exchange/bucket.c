#include "worker/exchange/bucket.h"

void buckets_init(struct buckets *buckets, struct exchange *exchange, float *gradient, float *residual,
                  size_t count, size_t bucket_bytes)
{
    *buckets =
        (struct buckets){.exchange = exchange, .gradient = gradient, .residual = residual, .count = count};
    buckets->bucket_count = bucket_bytes / sizeof(float);
    if (buckets->bucket_count == 0) {
        buckets->bucket_count = 1;
    }
    buckets_begin(buckets);
}

void buckets_begin(struct buckets *buckets)
{
    buckets->begin = buckets->count;
    buckets->end = buckets->count;
    buckets->status = STATUS_OK;
}

static enum status start(struct buckets *buckets, float *values, size_t count, float *residual,
                         struct error *error)
{
    if (buckets->started) {
        buckets->started(buckets->started_context, count);
    }
    return buckets->exchange->operations->bucket_start(buckets->exchange, values, count, residual, error);
}

enum status buckets_start(struct buckets *buckets, float *values, size_t count, struct error *error)
{
    return start(buckets, values, count, NULL, error);
}

static void buckets_send(struct buckets *buckets)
{
    if (buckets->begin == buckets->end || buckets->status != STATUS_OK) {
        return;
    }
    buckets->status = start(buckets, buckets->gradient + buckets->begin, buckets->end - buckets->begin,
                            buckets->residual ? buckets->residual + buckets->begin : NULL, &buckets->error);
    buckets->end = buckets->begin;
}

void buckets_ready(struct buckets *buckets, size_t begin, size_t end)
{
    if (end != buckets->begin) {
        buckets->status =
            error_set(&buckets->error, STATUS_INTERNAL, "gradient buckets", NULL,
                      "the backward pass reported %zu..%zu where %zu was next", begin, end, buckets->begin);
        return;
    }
    buckets->begin = begin;
    if (buckets->end - buckets->begin >= buckets->bucket_count) {
        buckets_send(buckets);
    }
}

enum status buckets_flush(struct buckets *buckets, struct error *error)
{
    buckets_send(buckets);
    if (buckets->status == STATUS_OK && buckets->begin != 0) {
        return error_set(error, STATUS_INTERNAL, "gradient buckets", NULL,
                         "the backward pass left %zu gradients unreported", buckets->begin);
    }
    if (buckets->status != STATUS_OK) {
        *error = buckets->error;
    }
    return buckets->status;
}
