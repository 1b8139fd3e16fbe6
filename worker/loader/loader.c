#include "worker/loader/loader.h"

#include "proto/thread.h"
#include "worker/augment/augment.h"
#include "worker/loader/loader_thread.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

/* How often loader_next calls its idle function while it waits. */
#define IDLE_SECONDS 0.005
#define IMAGE_ALIGNMENT 64

static enum status allocate_slots(struct loader *loader)
{
    const struct loader_config *config = &loader->config;
    size_t count = (size_t)config->lanes * (size_t)config->depth;
    size_t bytes = (size_t)config->batch * (size_t)config->side * (size_t)config->side * 3 * sizeof(float);
    bytes = (bytes + IMAGE_ALIGNMENT - 1) / IMAGE_ALIGNMENT * IMAGE_ALIGNMENT;
    loader->slots = calloc(count, sizeof *loader->slots);
    if (!loader->slots) {
        return STATUS_INTERNAL;
    }
    for (size_t i = 0; i < count; i++) {
        loader->slots[i].batch.image = aligned_alloc(IMAGE_ALIGNMENT, bytes);
        loader->slots[i].batch.sample = calloc((size_t)config->batch, sizeof(struct sample));
        if (!loader->slots[i].batch.image || !loader->slots[i].batch.sample) {
            return STATUS_INTERNAL;
        }
    }
    return STATUS_OK;
}

static enum status allocate(struct loader *loader, struct error *error)
{
    const struct loader_config *config = &loader->config;
    enum isa isa;
    enum status status = isa_detect(&isa, error);
    if (status != STATUS_OK) {
        return status;
    }
    size_t lanes = (size_t)config->lanes;
    loader->filled = calloc(lanes, sizeof *loader->filled);
    loader->taken = calloc(lanes, sizeof *loader->taken);
    loader->leases = calloc(lanes * config->datasets, sizeof *loader->leases);
    loader->pixels = malloc((size_t)config->side * (size_t)config->side * 3);
    if (!loader->filled || !loader->taken || !loader->leases || !loader->pixels ||
        allocate_slots(loader) != STATUS_OK) {
        return error_no_memory(error, "loader");
    }
    status = augmenter_create(pixel_kernels_of(isa), config->side, config->seed, &loader->augmenter, error);
    return status == STATUS_OK ? shard_cache_create(&loader->cache, error) : status;
}

/* Signals are the main thread's business. */
static enum status start_thread(struct loader *loader, struct error *error)
{
    pthread_mutex_init(&loader->lock, NULL);
    thread_condition_init(&loader->wake_thread);
    thread_condition_init(&loader->wake_caller);
    loader->lock_made = true;
    enum status status = thread_start(&loader->thread, loader_thread, loader, "loader", error);
    loader->thread_runs = status == STATUS_OK;
    return status;
}

enum status loader_create(const struct loader_config *config, struct loader **created, struct error *error)
{
    if (config->lanes < 1 || config->depth < 1 || config->batch < 1 || config->side < 1 ||
        config->side > AUGMENT_SIDE_MAX || config->datasets < 1) {
        return error_set(error, STATUS_INTERNAL, "loader", NULL, "a loader needs lanes, images and datasets");
    }
    struct loader *loader = calloc(1, sizeof *loader);
    if (!loader) {
        return error_no_memory(error, "loader");
    }
    loader->config = *config;
    loader->blocked_lane = -1;
    enum status status = allocate(loader, error);
    if (status == STATUS_OK) {
        status = start_thread(loader, error);
    }
    if (status != STATUS_OK) {
        loader_free(loader);
        return status;
    }
    *created = loader;
    return STATUS_OK;
}

static void stop_thread(struct loader *loader)
{
    pthread_mutex_lock(&loader->lock);
    loader->stop = true;
    pthread_cond_broadcast(&loader->wake_thread);
    pthread_mutex_unlock(&loader->lock);
    pthread_join(loader->thread, NULL);
}

bool loader_free(struct loader *loader)
{
    if (!loader) {
        return true;
    }
    if (loader->thread_runs) {
        stop_thread(loader);
    }
    while (loader->epochs) {
        struct loader_epoch *epoch = loader->epochs;
        loader->epochs = epoch->next;
        loader_epoch_free(loader, epoch);
    }
    shard_cache_free(loader->cache);
    size_t slots = (size_t)loader->config.lanes * (size_t)loader->config.depth;
    for (size_t i = 0; loader->slots && i < slots; i++) {
        free(loader->slots[i].batch.image);
        free(loader->slots[i].batch.sample);
    }
    if (loader->lock_made) {
        pthread_mutex_destroy(&loader->lock);
        pthread_cond_destroy(&loader->wake_thread);
        pthread_cond_destroy(&loader->wake_caller);
    }
    free(loader->slots);
    free(loader->filled);
    free(loader->taken);
    free(loader->leases);
    free(loader->pixels);
    augmenter_free(loader->augmenter);
    free(loader->notices);
    bool alone = !loader->given_up;
    free(loader);
    return alone;
}

/* The epoch of this number, made at the end of the list if it is new. The lock is held. */
static struct loader_epoch *find_epoch(struct loader *loader, int64_t number, int64_t skip, int64_t use)
{
    struct loader_epoch **link = &loader->epochs;
    while (*link && (*link)->epoch != number) {
        link = &(*link)->next;
    }
    if (*link) {
        return *link;
    }
    struct loader_epoch *epoch = calloc(1, sizeof *epoch);
    if (!epoch) {
        return NULL;
    }
    epoch->lanes = calloc((size_t)loader->config.lanes, sizeof(struct lane *));
    if (!epoch->lanes) {
        free(epoch);
        return NULL;
    }
    epoch->epoch = number;
    epoch->skip = skip;
    epoch->use = use;
    *link = epoch;
    return epoch;
}

/* Puts a lane into its epoch. The lock is held; on failure the lane stays the caller's. */
static enum status add_lane(struct loader *loader, struct lane *lane, int index, int64_t number, int64_t skip,
                            int64_t use, struct error *error)
{
    struct loader_epoch *epoch = find_epoch(loader, number, skip, use);
    if (!epoch) {
        return error_no_memory(error, "loader");
    }
    if (epoch->lanes[index] || epoch->skip != skip || epoch->use != use) {
        return error_set(error, STATUS_INTERNAL, "leases", NULL,
                         "leases of epoch %lld came twice for lane %d, or differ in length between lanes",
                         (long long)number, loader->config.first_lane + index);
    }
    epoch->lanes[index] = lane;
    epoch->given++;
    pthread_cond_signal(&loader->wake_thread);
    return STATUS_OK;
}

enum status loader_set_leases(struct loader *loader, const struct message_leases *leases, int64_t skip,
                              int64_t use, struct error *error)
{
    const struct loader_config *config = &loader->config;
    int index = leases->lane - config->first_lane;
    struct lane *lane;
    if (index < 0 || index >= config->lanes) {
        return error_set(error, STATUS_INTERNAL, "leases", NULL, "lane %d is not this worker's",
                         leases->lane);
    }
    enum status status = lane_create(leases, config->manifests, config->datasets, config->seed, &lane, error);
    if (status != STATUS_OK) {
        return status;
    }
    if (skip < 0 || use < skip || skip % config->batch != 0 || use % config->batch != 0 ||
        (uint64_t)use > lane_left(lane)) {
        status = error_set(error, STATUS_INTERNAL, "leases", NULL,
                           "images %lld to %lld of the %llu of lane %d are not whole micro-batches of %d",
                           (long long)skip, (long long)use, (unsigned long long)lane_left(lane), leases->lane,
                           config->batch);
    } else {
        pthread_mutex_lock(&loader->lock);
        status = add_lane(loader, lane, index, leases->epoch, skip, use, error);
        pthread_mutex_unlock(&loader->lock);
    }
    if (status != STATUS_OK) {
        lane_free(lane);
    }
    return status;
}

/* Why a lane's next micro-batch will never come; STATUS_OK if it will. The lock is held. */
static enum status why_never(struct loader *loader, int lane, struct error *error)
{
    int number = loader->config.first_lane + lane;
    if (loader_slot(loader, lane, loader->taken[lane])->state == SLOT_TAKEN) {
        return error_set(error, STATUS_INTERNAL, "loader", NULL,
                         "all micro-batches of lane %d are taken and none released", number);
    }
    if (loader->status != STATUS_OK) {
        if (error) {
            *error = loader->error;
        }
        return loader->status;
    }
    if (!loader_epoch_is_complete(loader, loader->epochs)) {
        return error_set(error, STATUS_INTERNAL, "loader", NULL, "lane %d is at the end of its leases",
                         number);
    }
    int blocked = loader->blocked_lane;
    if (blocked >= 0 && loader_slot(loader, blocked, loader->filled[blocked])->state != SLOT_FREE) {
        return error_set(error, STATUS_INTERNAL, "loader", NULL, "lane %d is asked for before lane %d",
                         number, loader->config.first_lane + blocked);
    }
    return STATUS_OK;
}

uint64_t loader_look(struct loader *loader, char *file, size_t size)
{
    pthread_mutex_lock(&loader->lock);
    snprintf(file, size, "%s", loader->file);
    uint64_t done = loader->done;
    pthread_mutex_unlock(&loader->lock);
    return done;
}

bool loader_take_notice(struct loader *loader, struct loader_notice *notice)
{
    pthread_mutex_lock(&loader->lock);
    bool there = loader->notices_taken < loader->notice_count;
    if (there) {
        *notice = loader->notices[loader->notices_taken++];
    }
    pthread_mutex_unlock(&loader->lock);
    return there;
}

enum status loader_next(struct loader *loader, int lane, bool (*idle)(void *), void *context,
                        const struct micro_batch **batch, struct error *error)
{
    int index = lane - loader->config.first_lane;
    if (index < 0 || index >= loader->config.lanes) {
        return error_set(error, STATUS_INTERNAL, "loader", NULL, "lane %d is not this worker's", lane);
    }
    pthread_mutex_lock(&loader->lock);
    struct slot *slot = loader_slot(loader, index, loader->taken[index]);
    enum status status = STATUS_OK;
    while (slot->state != SLOT_READY && (status = why_never(loader, index, error)) == STATUS_OK) {
        thread_condition_wait(&loader->wake_caller, &loader->lock, IDLE_SECONDS);
        if (idle && slot->state != SLOT_READY) {
            pthread_mutex_unlock(&loader->lock);
            bool wait = idle(context);
            pthread_mutex_lock(&loader->lock);
            if (!wait && slot->state != SLOT_READY) {
                status = error_set(error, STATUS_STOPPED, "loader", NULL, "the images of lane %d do not come",
                                   lane);
                break;
            }
        }
    }
    if (status == STATUS_OK) {
        slot->state = SLOT_TAKEN;
        loader->taken[index]++;
        *batch = &slot->batch;
    }
    pthread_mutex_unlock(&loader->lock);
    return status;
}

void loader_release(struct loader *loader, const struct micro_batch *batch)
{
    size_t slots = (size_t)loader->config.lanes * (size_t)loader->config.depth;
    pthread_mutex_lock(&loader->lock);
    for (size_t i = 0; i < slots; i++) {
        if (&loader->slots[i].batch == batch) {
            loader->slots[i].state = SLOT_FREE;
        }
    }
    pthread_cond_signal(&loader->wake_thread);
    pthread_mutex_unlock(&loader->lock);
}
