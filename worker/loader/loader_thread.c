#include "worker/loader/loader_thread.h"

#include "worker/loader/augment.h"

#include <stdio.h>
#include <stdlib.h>

struct slot *loader_slot(struct loader *loader, int lane, int64_t number)
{
    int depth = loader->config.depth;
    return &loader->slots[(size_t)lane * (size_t)depth + (size_t)(number % depth)];
}

static bool is_stopped(void *context)
{
    struct loader *loader = context;
    pthread_mutex_lock(&loader->lock);
    bool stop = loader->stop;
    pthread_mutex_unlock(&loader->lock);
    return stop;
}

bool loader_epoch_is_complete(const struct loader *loader, const struct loader_epoch *epoch)
{
    return epoch && epoch->given == loader->config.lanes;
}

/* NULL: the loader is to stop. */
static struct loader_epoch *wait_for_epoch(struct loader *loader)
{
    pthread_mutex_lock(&loader->lock);
    while (!loader->stop && !loader_epoch_is_complete(loader, loader->epochs)) {
        pthread_cond_wait(&loader->wake_thread, &loader->lock);
    }
    struct loader_epoch *epoch = loader->stop ? NULL : loader->epochs;
    pthread_mutex_unlock(&loader->lock);
    return epoch;
}

static struct slot *wait_for_slot(struct loader *loader, int lane)
{
    pthread_mutex_lock(&loader->lock);
    struct slot *slot = loader_slot(loader, lane, loader->filled[lane]);
    loader->blocked_lane = lane;
    while (!loader->stop && slot->state != SLOT_FREE) {
        pthread_cond_signal(&loader->wake_caller);
        pthread_cond_wait(&loader->wake_thread, &loader->lock);
    }
    loader->blocked_lane = -1;
    bool stop = loader->stop;
    pthread_mutex_unlock(&loader->lock);
    return stop ? NULL : slot;
}

static void publish_slot(struct loader *loader, int lane, struct slot *slot)
{
    pthread_mutex_lock(&loader->lock);
    slot->state = SLOT_READY;
    loader->filled[lane]++;
    pthread_cond_signal(&loader->wake_caller);
    pthread_mutex_unlock(&loader->lock);
}

static void set_file(struct loader *loader, const char *file)
{
    pthread_mutex_lock(&loader->lock);
    snprintf(loader->file, sizeof loader->file, "%s", file);
    pthread_mutex_unlock(&loader->lock);
}

static void count_image(struct loader *loader)
{
    pthread_mutex_lock(&loader->lock);
    loader->done++;
    pthread_mutex_unlock(&loader->lock);
}

static void warn(struct loader *loader, const char *text)
{
    pthread_mutex_lock(&loader->lock);
    if (loader->warnings - loader->warnings_taken < LOADER_WARNINGS) {
        snprintf(loader->warning[loader->warnings++ % LOADER_WARNINGS], sizeof *loader->warning, "%s", text);
    }
    pthread_mutex_unlock(&loader->lock);
}

static enum status try_lease(struct loader *loader, const struct message_lease *lease,
                             struct lease_data *data, struct error *error)
{
    const struct lease_request request = {.manifest = &loader->config.manifests[lease->dataset],
                                          .lease = lease,
                                          .limit_seconds = loader->config.limit_seconds,
                                          .stopped = is_stopped,
                                          .context = loader};
    enum status status = lease_open(loader->cache, &request, data, error);
    loader->given_up = loader->given_up || status == STATUS_LOST || status == STATUS_STOPPED;
    return status;
}

/* Reads a lease; where the file does not answer, once more. */
static enum status open_lease(struct loader *loader, const struct message_lease *lease,
                              struct lease_data *data, struct error *error)
{
    const struct manifest *manifest = &loader->config.manifests[lease->dataset];
    char file[LOADER_FILE_SIZE];
    snprintf(file, sizeof file, "%.1000s/%.1000s", manifest->directory, manifest->shards[lease->shard].file);
    set_file(loader, file);
    enum status status = try_lease(loader, lease, data, error);
    if (status == STATUS_LOST) {
        char text[512];
        snprintf(text, sizeof text, "%.200s (%.250s); it is tried once more", error->what, error->where);
        warn(loader, text);
        status = try_lease(loader, lease, data, error);
    }
    set_file(loader, "");
    return status;
}

/* The next image of a lane, read, decoded and augmented, into values; its label and id into sample. */
static enum status fill_image(struct loader *loader, struct loader_epoch *epoch, int lane, float *values,
                              struct sample *sample, struct error *error)
{
    const struct loader_config *config = &loader->config;
    struct augment augment = {config->flip, config->shift, config->seed};
    struct lane_item item;
    lane_next(epoch->lanes[lane], &item);
    const struct message_lease *lease = lane_lease(epoch->lanes[lane], item.lease);
    struct open_lease *open = &loader->leases[(size_t)lane * config->datasets + lease->dataset];
    enum status status = STATUS_OK;
    if (!open->data.open || open->lease != item.lease) {
        lease_close(&open->data);
        open->lease = item.lease;
        status = open_lease(loader, lease, &open->data, error);
    }
    if (status == STATUS_OK) {
        *sample = (struct sample){.dataset = lease->dataset, .id = item.id};
        status = lease_decode(&open->data, item.image, config->side, loader->pixels, &sample->label, error);
    }
    if (status == STATUS_OK) {
        augment_image(&augment, epoch->epoch, item.id, config->side, loader->pixels, loader->table, values);
    }
    if (item.last) {
        lease_close(&open->data);
    }
    count_image(loader);
    return status;
}

static enum status fill_slot(struct loader *loader, struct loader_epoch *epoch, int lane, struct slot *slot,
                             struct error *error)
{
    const struct loader_config *config = &loader->config;
    size_t values = (size_t)config->side * (size_t)config->side * 3;
    enum status status = STATUS_OK;
    slot->batch.epoch = epoch->epoch;
    slot->batch.lane = config->first_lane + lane;
    for (int i = 0; i < config->batch && status == STATUS_OK; i++) {
        status = fill_image(loader, epoch, lane, slot->batch.image + (size_t)i * values,
                            &slot->batch.sample[i], error);
    }
    return status;
}

static void close_leases(struct loader *loader)
{
    for (size_t i = 0; i < (size_t)loader->config.lanes * loader->config.datasets; i++) {
        lease_close(&loader->leases[i].data);
    }
}

/* Fills the queues with an epoch's micro-batches, in the order in which they are asked for. */
static enum status run_epoch(struct loader *loader, struct loader_epoch *epoch, struct error *error)
{
    const struct loader_config *config = &loader->config;
    struct lane_item skipped;
    for (int lane = 0; lane < config->lanes; lane++) {
        for (int64_t i = 0; i < epoch->skip; i++) {
            lane_next(epoch->lanes[lane], &skipped);
        }
    }
    for (int64_t done = epoch->skip; done < epoch->use; done += config->batch) {
        for (int lane = 0; lane < config->lanes; lane++) {
            struct slot *slot = wait_for_slot(loader, lane);
            if (!slot) {
                return STATUS_STOPPED;
            }
            enum status status = fill_slot(loader, epoch, lane, slot, error);
            if (status != STATUS_OK) {
                return status;
            }
            publish_slot(loader, lane, slot);
        }
    }
    return STATUS_OK;
}

void loader_epoch_free(const struct loader *loader, struct loader_epoch *epoch)
{
    for (int lane = 0; lane < loader->config.lanes; lane++) {
        lane_free(epoch->lanes[lane]);
    }
    free(epoch->lanes);
    free(epoch);
}

void *loader_thread(void *context)
{
    struct loader *loader = context;
    enum status status = STATUS_OK;
    struct loader_epoch *epoch;
    while (status == STATUS_OK && (epoch = wait_for_epoch(loader))) {
        struct error error = {0};
        status = run_epoch(loader, epoch, &error);
        close_leases(loader);
        pthread_mutex_lock(&loader->lock);
        loader->status = status;
        loader->error = error;
        loader->epochs = epoch->next;
        pthread_cond_signal(&loader->wake_caller);
        pthread_mutex_unlock(&loader->lock);
        loader_epoch_free(loader, epoch);
    }
    return NULL;
}
