/* The lease plan of an epoch: which lane trains on which images. A pure function of (seed, epoch, the
 * manifests' shard sizes, how often each image is due, lanes), so that a restarted coordinator derives the same plan.
 *
 * Every image is leased exactly as often as it is due; images per lane are equal to within one, and so are the images
 * that any two lanes have of one dataset, those that come again counted again. A lease is a contiguous range within one shard of at most PLAN_LEASE_IMAGES;
 * shards are cut at places drawn anew for each epoch, and the pieces are shuffled.
 */
#ifndef DAIL_DAEMON_PLAN_PLAN_H
#define DAIL_DAEMON_PLAN_PLAN_H

#include "proto/error.h"
#include "proto/message.h"

#include <stddef.h>
#include <stdint.h>

#define PLAN_LEASE_IMAGES 1024

/* One dataset as the plan sees it: of each shard the images that are not left out, counted by themselves. */
struct plan_dataset {
    const uint32_t *images; /* [shards] of each shard */
    uint32_t shards;
    const uint32_t *repeats; /* of each image of all shards, how often it is due; NULL: each once */
};

struct plan {
    int64_t epoch;
    int lanes;
    struct message_leases *lane; /* [lanes], each dataset's leases in the order of training; owned */
};

/* STATUS_USAGE when a lane would get more than MESSAGE_LEASES_MAX leases: more lanes are needed then.
 * On success the caller calls plan_free. */
enum status plan_make(const struct plan_dataset *datasets, size_t count, int lanes, uint64_t seed,
                      int64_t epoch, struct plan *plan, struct error *error);
void plan_free(struct plan *plan);

#endif
