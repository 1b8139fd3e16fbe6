#include "worker/loader/loader_thread.h"

#include "worker/augment/augment.h"

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

/* Where there is no memory for it, it stays untold. */
static void add_notice(struct loader *loader, const struct loader_notice *notice)
{
    pthread_mutex_lock(&loader->lock);
    struct loader_notice *grown = realloc(loader->notices, (loader->notice_count + 1) * sizeof *grown);
    if (grown) {
        loader->notices = grown;
        loader->notices[loader->notice_count++] = *notice;
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
        struct loader_notice notice = {0};
        snprintf(notice.text, sizeof notice.text, "%.200s (%.250s); it is tried once more", error->what,
                 error->where);
        add_notice(loader, &notice);
        status = try_lease(loader, lease, data, error);
    }
    set_file(loader, "");
    return status;
}

/* An image that is left out; each is told once. */
static void leave_out(struct loader *loader, uint64_t sample, const struct error *error)
{
    struct loader_notice notice = {.bad = true, .sample = sample};
    for (size_t i = 0; i < loader->notice_count; i++) {
        if (loader->notices[i].bad && loader->notices[i].sample == sample) {
            return;
        }
    }
    snprintf(notice.text, sizeof notice.text, "%.230s (%.270s)", error->what, error->where);
    add_notice(loader, &notice);
}

/* Decodes an image of an open lease; where it cannot be used, and may be left out, the next one of the lease that can.
 * Which that is depends on the bytes alone, so that it is the same after a restart. */
static enum status decode_usable(struct loader *loader, const struct lease_data *data,
                                 const struct manifest_shard *listed, const struct lane_item *item,
                                 struct sample *sample, struct error *error)
{
    uint32_t offset = item->image - data->begin;
    enum status status = STATUS_OK;
    for (uint32_t tried = 0; tried < data->count; tried++) {
        uint32_t image = data->begin + (offset + tried) % data->count;
        if (manifest_shard_lacks(listed, image)) {
            continue;
        }
        sample->id = item->id - item->image + image;
        status = lease_decode(data, image, loader->config.side, loader->pixels, &sample->label, error);
        if (status != STATUS_DATA || !loader->config.leave_out) {
            return status;
        }
        leave_out(loader, sample->id, error);
    }
    return status;
}

/* The next image of a lane, read, decoded and augmented, into values; its label and id into sample. */
static enum status fill_image(struct loader *loader, struct loader_epoch *epoch, int lane, float *values,
                              struct sample *sample, struct error *error)
{
    const struct loader_config *config = &loader->config;
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
        *sample = (struct sample){.dataset = lease->dataset};
        status = decode_usable(loader, &open->data, &config->manifests[lease->dataset].shards[lease->shard],
                               &item, sample, error);
    }
    if (status == STATUS_OK) {
        /* An image that comes again in an epoch is altered otherwise. */
        const int64_t key = epoch->epoch | (int64_t)item.repeat << 32;
        status = augment_image(loader->augmenter, &config->augment[lease->dataset], key, sample->id,
                               loader->pixels, values, error);
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
