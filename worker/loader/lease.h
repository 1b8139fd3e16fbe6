/* A lease in memory: its images' bytes, and one of them decoded. */
#ifndef DAIL_WORKER_LOADER_LEASE_H
#define DAIL_WORKER_LOADER_LEASE_H

#include "proto/error.h"
#include "proto/message.h"
#include "worker/loader/lease_read.h"
#include "worker/loader/shard_cache.h"

#include <stdbool.h>
#include <stdint.h>

/* A lease in memory; all zero: closed. */
struct lease_data {
    struct cached_shard *shard;
    uint32_t begin, count;
    uint8_t *bytes; /* of its images, end to end */
    bool open;
};

/* Reads the bytes of a lease (lease_read.h). */
enum status lease_open(struct shard_cache *cache, const struct lease_request *request,
                       struct lease_data *data, struct error *error);
/* Frees the bytes; the shard stays in the cache. */
void lease_close(struct lease_data *data);

/* Decodes image `image` of the shard (within the lease), its crc checked, into pixels u8 [side][side][3];
 * gives its label. */
enum status lease_decode(const struct lease_data *data, uint32_t image, int side, uint8_t *pixels,
                         uint32_t *label, struct error *error);

#endif
