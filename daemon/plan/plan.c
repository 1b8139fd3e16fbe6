#include "daemon/plan/plan.h"

#include "proto/random.h"

#include <stdlib.h>
#include <string.h>

/* A dataset is cut so that a lane gets about this many pieces of it, but in pieces no smaller than
 * PIECE_IMAGES_MIN: small datasets shuffle well, large ones are read in large ranges. */
#define PIECES_PER_LANE 8
#define PIECE_IMAGES_MIN 8

struct piece {
    uint32_t shard, begin, count;
    const uint32_t *repeats; /* [count]; NULL: each once */
};

struct pieces {
    struct piece *piece;
    uint32_t *order;
    size_t count;
};

/* That are due in the epoch. */
static uint64_t dataset_images(const struct plan_dataset *dataset)
{
    uint64_t images = 0, due = 0;
    for (uint32_t i = 0; i < dataset->shards; i++) {
        images += dataset->images[i];
    }
    for (uint64_t i = 0; dataset->repeats && i < images; i++) {
        due += dataset->repeats[i];
    }
    return dataset->repeats ? due : images;
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
    const uint32_t *repeats = dataset->repeats;
    for (uint32_t i = 0; i < dataset->shards; i++) {
        uint32_t images = dataset->images[i];
        uint32_t length = random_below(random, size) + 1;
        for (uint32_t begin = 0; begin < images; begin += length, length = size) {
            uint32_t left = images - begin;
            length = left < length ? left : length;
            pieces->order[pieces->count] = (uint32_t)pieces->count;
            pieces->piece[pieces->count++] =
                (struct piece){i, begin, length, repeats ? repeats + begin : NULL};
        }
        repeats = repeats ? repeats + images : NULL;
    }
    random_shuffle(random, pieces->order, pieces->count);
    return STATUS_OK;
}

/* What a lane's lists have room for. */
struct room {
    size_t leases, repeats;
};

static enum status append(struct message_leases *lane, struct room *room, struct message_lease lease,
                          struct error *error)
{
    if (lane->count == MESSAGE_LEASES_MAX) {
        return error_set(error, STATUS_USAGE, "data.lanes", "raise data.lanes",
                         "%d leases of %d images do not hold a lane's share of the datasets",
                         MESSAGE_LEASES_MAX, PLAN_LEASE_IMAGES);
    }
    if (lane->count == room->leases) {
        size_t grown = room->leases == 0 ? 16 : room->leases * 2;
        struct message_lease *leases = realloc(lane->leases, grown * sizeof *leases);
        if (!leases) {
            return error_no_memory(error, "lease plan");
        }
        lane->leases = leases;
        room->leases = grown;
    }
    lane->leases[lane->count++] = lease;
    return STATUS_OK;
}

static enum status append_repeats(struct message_leases *lane, struct room *room, const uint8_t *repeats,
                                  uint32_t count, struct error *error)
{
    if (lane->repeat_count + count > room->repeats) {
        size_t grown = room->repeats * 2 + PLAN_LEASE_IMAGES;
        uint8_t *more = realloc(lane->repeats, grown);
        if (!more) {
            return error_no_memory(error, "lease plan");
        }
        lane->repeats = more;
        room->repeats = grown;
    }
    memcpy(lane->repeats + lane->repeat_count, repeats, count);
    lane->repeat_count += count;
    return STATUS_OK;
}

/* How far the pieces are dealt. */
struct dealt {
    size_t next; /* the piece under way, an index into order */
    uint32_t used; /* its images so far */
    uint32_t spent; /* how often its image `used` was */
};

static void go_on(struct dealt *dealt, const struct piece *piece)
{
    if (dealt->used == piece->count) {
        *dealt = (struct dealt){.next = dealt->next + 1};
    }
}

/* Of a piece whose images each come once, up to `left`. */
static uint32_t take_images(const struct piece *piece, struct dealt *dealt, uint64_t left,
                            struct message_lease *lease)
{
    const uint32_t rest = piece->count - dealt->used;
    lease->begin = piece->begin + dealt->used;
    lease->count = left < rest ? (uint32_t)left : rest;
    dealt->used += lease->count;
    return lease->count;
}

/* Of a sampled one, with how often each comes: from the first that is due to the last. Returns how many come. */
static uint32_t take_sampled(const struct piece *piece, struct dealt *dealt, uint64_t left,
                             struct message_lease *lease, uint8_t *repeats)
{
    uint32_t taken = 0, listed = 0;
    lease->sampled = 1;
    lease->count = 0;
    while (dealt->used < piece->count && taken < left) {
        const uint32_t due = piece->repeats[dealt->used] - dealt->spent;
        uint32_t comes = left - taken < due ? (uint32_t)(left - taken) : due;
        comes = comes < UINT8_MAX ? comes : UINT8_MAX;
        if (taken == 0) { /* nothing is due before it */
            lease->begin = piece->begin + dealt->used;
            listed = 0;
        }
        repeats[listed++] = (uint8_t)comes;
        lease->count = comes > 0 ? listed : lease->count;
        taken += comes;
        if (comes < due) {
            dealt->spent += comes;
            break;
        }
        dealt->used++;
        dealt->spent = 0;
    }
    return taken;
}

/* Deals the shuffled pieces, laid end to end, to the lanes: lane l takes the next share; the `extra` lanes
 * from `first` on take one image more. */
static enum status deal(const struct pieces *pieces, uint32_t dataset, uint64_t images, uint32_t first,
                        struct plan *plan, struct room *rooms, struct error *error)
{
    uint32_t lanes = (uint32_t)plan->lanes;
    uint64_t share = images / lanes, extra = images % lanes;
    struct dealt dealt = {0};
    enum status status = STATUS_OK;
    for (uint32_t l = 0; l < lanes; l++) {
        uint64_t left = share + ((l + lanes - first) % lanes < extra);
        while (left > 0 && status == STATUS_OK) {
            const struct piece *piece = &pieces->piece[pieces->order[dealt.next]];
            struct message_lease lease = {.dataset = dataset, .shard = piece->shard};
            uint8_t repeats[PLAN_LEASE_IMAGES];
            const uint32_t taken = piece->repeats ? take_sampled(piece, &dealt, left, &lease, repeats)
                                                  : take_images(piece, &dealt, left, &lease);
            go_on(&dealt, piece);
            if (taken > 0) {
                status = append(&plan->lane[l], &rooms[l], lease, error);
            }
            if (taken > 0 && lease.sampled && status == STATUS_OK) {
                status = append_repeats(&plan->lane[l], &rooms[l], repeats, lease.count, error);
            }
            left -= taken;
        }
    }
    return status;
}

enum status plan_make(const struct plan_dataset *datasets, size_t count, int lanes, uint64_t seed,
                      int64_t epoch, struct plan *plan, struct error *error)
{
    *plan = (struct plan){.epoch = epoch, .lanes = lanes};
    plan->lane = calloc((size_t)lanes, sizeof *plan->lane);
    struct room *rooms = calloc((size_t)lanes, sizeof *rooms);
    enum status status = plan->lane && rooms ? STATUS_OK : error_no_memory(error, "lease plan");
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
            status = deal(&pieces, (uint32_t)k, images, first, plan, rooms, error);
        }
        /* The next dataset's extra images go to the lanes after these: so the totals stay within one. */
        first = (uint32_t)((first + images) % (uint64_t)lanes);
        free(pieces.piece);
        free(pieces.order);
    }
    free(rooms);
    if (status != STATUS_OK) {
        plan_free(plan);
    }
    return status;
}

void plan_free(struct plan *plan)
{
    for (int l = 0; plan->lane && l < plan->lanes; l++) {
        free(plan->lane[l].leases);
        free(plan->lane[l].repeats);
    }
    free(plan->lane);
    *plan = (struct plan){0};
}
