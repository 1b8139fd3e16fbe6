#include "daemon/coordinator/plan.h"

#include "proto/random.h"

#include <stdlib.h>

/* A dataset is cut so that a lane gets about this many pieces of it, but in pieces no smaller than
 * PIECE_IMAGES_MIN: small datasets shuffle well, large ones are read in large ranges. */
#define PIECES_PER_LANE 8
#define PIECE_IMAGES_MIN 8

struct piece {
    uint32_t shard, begin, count;
};

struct pieces {
    struct piece *piece;
    uint32_t *order;
    size_t count;
};

static uint64_t dataset_images(const struct plan_dataset *dataset)
{
    uint64_t images = 0;
    for (uint32_t i = 0; i < dataset->shards; i++) {
        images += dataset->images[i];
    }
    return images;
}

static uint32_t piece_images(uint64_t images, int lanes)
{
    uint64_t wanted = images / ((uint64_t)lanes * PIECES_PER_LANE);
    if (wanted < PIECE_IMAGES_MIN) {
        return PIECE_IMAGES_MIN;
    }
    return wanted > PLAN_LEASE_IMAGES ? PLAN_LEASE_IMAGES : (uint32_t)wanted;
}

/* Cuts every shard, the first piece of each of a drawn length so that the cuts wander from epoch to epoch. */
static enum status cut(const struct plan_dataset *dataset, uint32_t size, struct random *random,
                       struct pieces *pieces, struct error *error)
{
    size_t most = 0;
    for (uint32_t i = 0; i < dataset->shards; i++) {
        most += dataset->images[i] / size + 2;
    }
    pieces->piece = malloc((most + 1) * sizeof *pieces->piece);
    pieces->order = malloc((most + 1) * sizeof *pieces->order);
    pieces->count = 0;
    if (!pieces->piece || !pieces->order) {
        return error_no_memory(error, "lease plan");
    }
    for (uint32_t i = 0; i < dataset->shards; i++) {
        uint32_t images = dataset->images[i];
        uint32_t length = random_below(random, size) + 1;
        for (uint32_t begin = 0; begin < images; begin += length, length = size) {
            uint32_t left = images - begin;
            length = left < length ? left : length;
            pieces->order[pieces->count] = (uint32_t)pieces->count;
            pieces->piece[pieces->count++] = (struct piece){i, begin, length};
        }
    }
    random_shuffle(random, pieces->order, pieces->count);
    return STATUS_OK;
}

static enum status append(struct message_leases *lane, size_t *capacity, struct message_lease lease,
                          struct error *error)
{
    if (lane->count == MESSAGE_LEASES_MAX) {
        return error_set(error, STATUS_USAGE, "data.lanes", "raise data.lanes",
                         "%d leases of %d images do not hold a lane's share of the datasets",
                         MESSAGE_LEASES_MAX, PLAN_LEASE_IMAGES);
    }
    if (lane->count == *capacity) {
        size_t grown = *capacity == 0 ? 16 : *capacity * 2;
        struct message_lease *leases = realloc(lane->leases, grown * sizeof *leases);
        if (!leases) {
            return error_no_memory(error, "lease plan");
        }
        lane->leases = leases;
        *capacity = grown;
    }
    lane->leases[lane->count++] = lease;
    return STATUS_OK;
}

/* Deals the shuffled pieces, laid end to end, to the lanes: lane l takes the next share; the `extra` lanes
 * from `first` on take one image more. */
static enum status deal(const struct pieces *pieces, uint32_t dataset, uint64_t images, uint32_t first,
                        struct plan *plan, size_t *capacity, struct error *error)
{
    uint32_t lanes = (uint32_t)plan->lanes;
    uint64_t share = images / lanes, extra = images % lanes;
    size_t next = 0;
    uint32_t used = 0; /* of the piece `next` */
    for (uint32_t l = 0; l < lanes; l++) {
        uint64_t left = share + ((l + lanes - first) % lanes < extra);
        while (left > 0) {
            const struct piece *piece = &pieces->piece[pieces->order[next]];
            uint32_t rest = piece->count - used;
            uint32_t taken = left < rest ? (uint32_t)left : rest;
            struct message_lease lease = {dataset, piece->shard, piece->begin + used, taken};
            enum status status = append(&plan->lane[l], &capacity[l], lease, error);
            if (status != STATUS_OK) {
                return status;
            }
            left -= taken;
            used += taken;
            if (used == piece->count) {
                used = 0;
                next++;
            }
        }
    }
    return STATUS_OK;
}

enum status plan_make(const struct plan_dataset *datasets, size_t count, int lanes, uint64_t seed,
                      int64_t epoch, struct plan *plan, struct error *error)
{
    *plan = (struct plan){.epoch = epoch, .lanes = lanes};
    plan->lane = calloc((size_t)lanes, sizeof *plan->lane);
    size_t *capacity = calloc((size_t)lanes, sizeof *capacity);
    enum status status = plan->lane && capacity ? STATUS_OK : error_no_memory(error, "lease plan");
    struct random start = random_stream(seed, RANDOM_PLAN, (uint64_t)epoch, count);
    uint32_t first = random_below(&start, (uint32_t)lanes);
    for (int l = 0; l < lanes && status == STATUS_OK; l++) {
        plan->lane[l].epoch = epoch;
        plan->lane[l].lane = l;
    }
    for (size_t k = 0; k < count && status == STATUS_OK; k++) {
        struct random random = random_stream(seed, RANDOM_PLAN, (uint64_t)epoch, k);
        uint64_t images = dataset_images(&datasets[k]);
        struct pieces pieces = {0};
        status = cut(&datasets[k], piece_images(images, lanes), &random, &pieces, error);
        if (status == STATUS_OK) {
            status = deal(&pieces, (uint32_t)k, images, first, plan, capacity, error);
        }
        /* The next dataset's extra images go to the lanes after these: so the totals stay within one. */
        first = (uint32_t)((first + images) % (uint64_t)lanes);
        free(pieces.piece);
        free(pieces.order);
    }
    free(capacity);
    if (status != STATUS_OK) {
        plan_free(plan);
    }
    return status;
}

void plan_free(struct plan *plan)
{
    for (int l = 0; plan->lane && l < plan->lanes; l++) {
        free(plan->lane[l].leases);
    }
    free(plan->lane);
    *plan = (struct plan){0};
}

int64_t plan_lane_images(const struct message_leases *leases)
{
    int64_t images = 0;
    for (uint32_t i = 0; i < leases->count; i++) {
        images += leases->leases[i].count;
    }
    return images;
}
