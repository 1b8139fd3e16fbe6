/* The reading of a lease, in a thread of its own: a file system that does not answer keeps that thread, and nobody else.
 * What it has in hands is its own from then on, and goes with it when it returns. */
#ifndef DAIL_WORKER_LOADER_LEASE_READ_H
#define DAIL_WORKER_LOADER_LEASE_READ_H

#include "proto/error.h"
#include "proto/message.h"
#include "worker/loader/shard_cache.h"

#include <stdbool.h>
#include <stdint.h>

/* A lease is read in contiguous pieces of at most this size. */
#define LEASE_READ_BYTES (64u << 20)

struct lease_request {
    const struct manifest *manifest;
    const struct message_lease *lease; /* of its dataset */
    double limit_seconds; /* for the shard's opening, and for each piece; then it is given up */
    bool (*stopped)(void *context); /* asked meanwhile */
    void *context;
};

/* Reads the lease's bytes, from a shard of the cache or one that is opened and put there: *shard is in use until
 * shard_cache_release, the caller frees *bytes. STATUS_LOST: the file did not answer within the limit, and is out of the
 * cache. STATUS_STOPPED. */
enum status lease_read(struct shard_cache *cache, const struct lease_request *request,
                       struct cached_shard **shard, uint8_t **bytes, struct error *error);

#endif
