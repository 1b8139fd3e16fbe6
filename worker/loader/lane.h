/* A lane: the order in which the images of its leases come. It depends on (seed, epoch, lane, leases) alone
 * (loader.h), and nothing is read to know it.
 */
#ifndef DAIL_WORKER_LOADER_LANE_H
#define DAIL_WORKER_LOADER_LANE_H

#include "proto/error.h"
#include "proto/message.h"
#include "shard/manifest.h"

#include <stdbool.h>
#include <stdint.h>

struct lane;

/* One image of the stream. */
struct lane_item {
    uint32_t lease; /* index among the lane's leases */
    uint32_t image; /* within the lease's shard */
    uint64_t id; /* sample_id */
    uint32_t repeat; /* how often it came of the lease before, in the plan's count */
    bool last; /* of its lease */
};

/* Checks the leases (copied) against the manifests. They count the images that are not left out (manifest.h). STATUS_INTERNAL names the first that does not fit. */
enum status lane_create(const struct message_leases *leases, const struct manifest *manifests,
                        size_t datasets, uint64_t seed, struct lane **lane, struct error *error);
void lane_free(struct lane *lane);

/* Images left. */
uint64_t lane_left(const struct lane *lane);

/* The next image; lane_left must not be 0. Allocates nothing. */
void lane_next(struct lane *lane, struct lane_item *item);

/* Counted among all images of the shard: from the first of the lease to the last. */
const struct message_lease *lane_lease(const struct lane *lane, uint32_t index);

#endif
