/* Gradient buckets: ranges of the flat gradient vector that are summed over the workers while the layers
 * below still compute. The backward pass completes the vector from its end to its beginning; a bucket goes
 * out as soon as its bytes are together.
 */
#ifndef DAIL_WORKER_EXCHANGE_BUCKET_H
#define DAIL_WORKER_EXCHANGE_BUCKET_H

#include "worker/exchange/exchange.h"

struct buckets {
    struct exchange *exchange;
    float *gradient;
    float *residual; /* of the vector's sums, or NULL */
    size_t count; /* floats of the whole vector */
    size_t bucket_count; /* floats a bucket holds at least */
    size_t begin, end; /* complete, and not yet sent */
    enum status status; /* the first failure, kept for buckets_flush */
    struct error error;
    void (*started)(void *context, size_t count); /* told of every sum of so many floats; NULL: nobody is */
    void *started_context;
};

/* `bucket_bytes` of gradient make a bucket. residual [count], or NULL: exchange.h, bucket_start. */
void buckets_init(struct buckets *buckets, struct exchange *exchange, float *gradient, float *residual,
                  size_t count, size_t bucket_bytes);

/* Before a backward pass. */
void buckets_begin(struct buckets *buckets);

/* gradient[begin, end) is final; `end` is where the last range began. Sends what is full. */
void buckets_ready(struct buckets *buckets, size_t begin, size_t end);

/* Starts the sum of `values`, which are no part of the vector. */
enum status buckets_start(struct buckets *buckets, float *values, size_t count, struct error *error);

/* Sends the rest. Returns the first failure of any call since buckets_begin. */
enum status buckets_flush(struct buckets *buckets, struct error *error);

#endif
