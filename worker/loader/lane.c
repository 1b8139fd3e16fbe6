#include "worker/loader/lane.h"

#include "proto/random.h"
#include "worker/exchange/sample.h"

#include <stdlib.h>
#include <string.h>

/* One dataset's part of a lane. */
struct lane_dataset {
    uint32_t *leases; /* indices of its leases, in the order given */
    uint32_t lease_count;
    uint32_t lease; /* the one under way, an index into leases */
    uint32_t *
        image; /* of each of that lease's draws: counted from its begin; those of one image follow each other */
    uint32_t *order; /* the draws in the order drawn for the lease */
    uint32_t position; /* in order */
    uint32_t left; /* images of all its leases that are still to come */
    uint64_t first_id; /* of the lease under way */
};

struct lane {
    const struct manifest *manifests;
    uint64_t seed;
    int64_t epoch;
    struct random random;
    struct message_lease
        *leases; /* each from the first of its images to the last, with those left out between */
    uint32_t *draws; /* [lease_count]: how many images come of each, those that come again counted again */
    uint32_t lease_count;
    uint8_t *repeats; /* of the sampled leases' images */
    uint32_t *first_repeat; /* [lease_count]: where a sampled lease's begin */
    struct lane_dataset *datasets;
    size_t dataset_count;
    uint32_t left;
};

/* The id of an image of a shard. */
static uint64_t id_of(const struct manifest *manifest, uint32_t dataset, uint32_t shard, uint32_t image)
{
    uint64_t number = image;
    for (uint32_t i = 0; i < shard; i++) {
        number += manifest->shards[i].images;
    }
    return sample_id(dataset, number);
}

static enum status check_lease(const struct message_leases *leases, uint32_t index,
                               const struct manifest *manifests, size_t datasets, struct error *error)
{
    const struct message_lease *lease = &leases->leases[index];
    const char *next = "all ranks must read the same manifests";
    if (lease->dataset >= datasets) {
        return error_set(error, STATUS_INTERNAL, "leases", next,
                         "lease %u of lane %d is of dataset %u of %zu", index, leases->lane, lease->dataset,
                         datasets);
    }
    const struct manifest *manifest = &manifests[lease->dataset];
    if (lease->shard >= manifest->shard_count) {
        return error_set(error, STATUS_INTERNAL, manifest->path, next,
                         "lease %u of lane %d is of shard %u of %u", index, leases->lane, lease->shard,
                         manifest->shard_count);
    }
    uint32_t images = manifest_shard_kept(&manifest->shards[lease->shard]);
    if (lease->count == 0 || lease->begin > images || lease->count > images - lease->begin) {
        return error_set(error, STATUS_INTERNAL, manifest->path, next,
                         "lease %u of lane %d holds images %u to %llu of shard %u, which has %u", index,
                         leases->lane, lease->begin, (unsigned long long)lease->begin + lease->count,
                         lease->shard, images);
    }
    return STATUS_OK;
}

/* How many images come of a lease; repeats: its own, where it is sampled. */
static uint64_t count_draws(const struct message_lease *lease, const uint8_t *repeats)
{
    uint64_t draws = lease->sampled ? 0 : lease->count;
    for (uint32_t i = 0; lease->sampled && i < lease->count; i++) {
        draws += repeats[i];
    }
    return draws;
}

static enum status check_leases(const struct message_leases *leases, const struct manifest *manifests,
                                size_t datasets, struct error *error)
{
    uint64_t images = 0;
    const uint8_t *repeats = leases->repeats;
    for (uint32_t i = 0; i < leases->count; i++) {
        const struct message_lease *lease = &leases->leases[i];
        enum status status = check_lease(leases, i, manifests, datasets, error);
        if (status != STATUS_OK) {
            return status;
        }
        const uint64_t draws = count_draws(lease, repeats);
        if (draws == 0) {
            return error_set(error, STATUS_INTERNAL, manifests[lease->dataset].path, NULL,
                             "lease %u of lane %d takes no image", i, leases->lane);
        }
        images += draws;
        repeats += lease->sampled ? lease->count : 0;
    }
    if (images > UINT32_MAX) {
        return error_set(error, STATUS_INTERNAL, "leases", "use more lanes",
                         "lane %d has %llu images in one epoch, more than 2^32", leases->lane,
                         (unsigned long long)images);
    }
    return STATUS_OK;
}

static const uint8_t *repeats_of(const struct lane *lane, uint32_t lease)
{
    return lane->leases[lease].sampled ? lane->repeats + lane->first_repeat[lease] : NULL;
}

/* The order of the lease under way; its first image's id keys the draws. */
static void begin_lease(struct lane *lane, struct lane_dataset *dataset)
{
    const struct message_lease *lease = &lane->leases[dataset->leases[dataset->lease]];
    dataset->first_id = id_of(&lane->manifests[lease->dataset], lease->dataset, lease->shard, lease->begin);
    const uint32_t index = dataset->leases[dataset->lease];
    const struct manifest_shard *shard = &lane->manifests[lease->dataset].shards[lease->shard];
    const uint8_t *repeats = repeats_of(lane, index);
    uint32_t draws = 0;
    for (uint32_t i = 0; i < lease->count; i++) {
        if (manifest_shard_lacks(shard, lease->begin + i)) {
            continue;
        }
        for (uint32_t comes = repeats ? *repeats++ : 1; comes > 0; comes--) {
            dataset->order[draws] = draws;
            dataset->image[draws++] = i;
        }
    }
    struct random random = random_stream(lane->seed, RANDOM_LEASE, (uint64_t)lane->epoch, dataset->first_id);
    random_shuffle(&random, dataset->order, draws);
    dataset->position = 0;
}

static enum status fill_dataset(struct lane *lane, uint32_t index)
{
    struct lane_dataset *dataset = &lane->datasets[index];
    uint32_t largest = 0;
    for (uint32_t i = 0; i < lane->lease_count; i++) {
        if (lane->leases[i].dataset == index) {
            dataset->lease_count++;
            dataset->left += lane->draws[i];
            largest = lane->draws[i] > largest ? lane->draws[i] : largest;
        }
    }
    if (dataset->lease_count == 0) {
        return STATUS_OK;
    }
    dataset->leases = calloc(dataset->lease_count, sizeof *dataset->leases);
    dataset->order = calloc(largest, sizeof *dataset->order);
    dataset->image = calloc(largest, sizeof *dataset->image);
    if (!dataset->leases || !dataset->order || !dataset->image) {
        return STATUS_INTERNAL;
    }
    uint32_t filled = 0;
    for (uint32_t i = 0; i < lane->lease_count; i++) {
        if (lane->leases[i].dataset == index) {
            dataset->leases[filled++] = i;
        }
    }
    lane->left += dataset->left;
    begin_lease(lane, dataset);
    return STATUS_OK;
}

/* The leases, counted among all images of their shards, and the repeats. */
static bool copy_leases(struct lane *lane, const struct message_leases *leases)
{
    lane->leases = calloc((size_t)leases->count + 1, sizeof *lane->leases);
    lane->draws = calloc((size_t)leases->count + 1, sizeof *lane->draws);
    lane->first_repeat = calloc((size_t)leases->count + 1, sizeof *lane->first_repeat);
    lane->repeats = malloc((size_t)leases->repeat_count + 1);
    if (!lane->leases || !lane->draws || !lane->first_repeat || !lane->repeats) {
        return false;
    }
    if (leases->repeat_count > 0) {
        memcpy(lane->repeats, leases->repeats, leases->repeat_count);
    }
    uint32_t next = 0;
    lane->lease_count = leases->count;
    for (uint32_t i = 0; i < leases->count; i++) {
        const struct message_lease *given = &leases->leases[i];
        const struct manifest_shard *shard = &lane->manifests[given->dataset].shards[given->shard];
        const uint32_t begin = manifest_shard_image(shard, given->begin);
        const uint32_t last = manifest_shard_image(shard, given->begin + given->count - 1);
        lane->draws[i] = (uint32_t)count_draws(given, lane->repeats + next);
        lane->leases[i] =
            (struct message_lease){given->dataset, given->shard, begin, last - begin + 1, given->sampled};
        lane->first_repeat[i] = next;
        next += given->sampled ? given->count : 0;
    }
    return true;
}

enum status lane_create(const struct message_leases *leases, const struct manifest *manifests,
                        size_t datasets, uint64_t seed, struct lane **created, struct error *error)
{
    enum status status = check_leases(leases, manifests, datasets, error);
    if (status != STATUS_OK) {
        return status;
    }
    struct lane *lane = calloc(1, sizeof *lane);
    if (!lane) {
        return error_no_memory(error, "lane");
    }
    lane->manifests = manifests;
    lane->seed = seed;
    lane->epoch = leases->epoch;
    lane->random = random_stream(seed, RANDOM_LANE, (uint64_t)leases->epoch, (uint64_t)leases->lane);
    lane->datasets = calloc(datasets, sizeof *lane->datasets);
    if (!lane->datasets || !copy_leases(lane, leases)) {
        lane_free(lane);
        return error_no_memory(error, "lane");
    }
    lane->dataset_count = datasets;
    for (uint32_t k = 0; k < datasets; k++) {
        if (fill_dataset(lane, k) != STATUS_OK) {
            lane_free(lane);
            return error_no_memory(error, "lane");
        }
    }
    *created = lane;
    return STATUS_OK;
}

void lane_free(struct lane *lane)
{
    if (!lane) {
        return;
    }
    for (size_t k = 0; k < lane->dataset_count; k++) {
        free(lane->datasets[k].leases);
        free(lane->datasets[k].order);
        free(lane->datasets[k].image);
    }
    free(lane->datasets);
    free(lane->first_repeat);
    free(lane->repeats);
    free(lane->leases);
    free(lane->draws);
    free(lane);
}

uint64_t lane_left(const struct lane *lane)
{
    return lane->left;
}

void lane_next(struct lane *lane, struct lane_item *item)
{
    /* A dataset's chance is its share of what is left, so that none runs out before the others. */
    uint32_t draw = random_below(&lane->random, lane->left);
    struct lane_dataset *dataset = lane->datasets;
    while (draw >= dataset->left) {
        draw -= dataset->left;
        dataset++;
    }
    item->lease = dataset->leases[dataset->lease];
    const struct message_lease *lease = &lane->leases[item->lease];
    const uint32_t number = dataset->order[dataset->position], offset = dataset->image[number];
    item->repeat = 0;
    while (item->repeat < number && dataset->image[number - item->repeat - 1] == offset) {
        item->repeat++;
    }
    item->image = lease->begin + offset;
    item->id = dataset->first_id + offset;
    dataset->position++;
    dataset->left--;
    lane->left--;
    item->last = dataset->position == lane->draws[item->lease];
    if (item->last && dataset->left > 0) {
        dataset->lease++;
        begin_lease(lane, dataset);
    }
}

const struct message_lease *lane_lease(const struct lane *lane, uint32_t index)
{
    return &lane->leases[index];
}
