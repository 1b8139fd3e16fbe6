#include "worker/loader/lease_read.h"

#include "proto/clock.h"
#include "proto/thread.h"

#include <stdio.h>
#include <stdlib.h>

/* How often it is asked meanwhile whether to stop. */
#define LOOK_SECONDS 0.05

struct reading {
    struct lease_request request;
    struct message_lease lease;
    struct cached_shard *shard; /* in use; NULL: to be opened */
    uint8_t *bytes;
    enum status status;
    struct error error;

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t wake;
    bool done, given_up;
    uint64_t steps; /* done so far */
};

static void free_reading(struct reading *reading)
{
    if (reading->shard) {
        shard_cache_release(reading->shard);
    }
    free(reading->bytes);
    pthread_cond_destroy(&reading->wake);
    pthread_mutex_destroy(&reading->lock);
    free(reading);
}

/* How many images from `begin` on make a piece. */
static uint32_t piece_of(const struct shard *shard, uint32_t begin, uint32_t end)
{
    uint32_t last = begin + 1;
    while (last < end && shard->offset[last + 1] - shard->offset[begin] <= LEASE_READ_BYTES) {
        last++;
    }
    return last - begin;
}

/* Tells that something is done; false: nobody waits for more. */
static bool come_on(struct reading *reading)
{
    pthread_mutex_lock(&reading->lock);
    reading->steps++;
    bool wanted = !reading->given_up;
    pthread_mutex_unlock(&reading->lock);
    return wanted;
}

static enum status read_pieces(struct reading *reading, struct error *error)
{
    const struct shard *shard = &reading->shard->shard;
    uint32_t begin = reading->lease.begin, end = begin + reading->lease.count;
    uint64_t first = shard->offset[begin], size = shard->offset[end] - first;
    reading->bytes = malloc(size > 0 ? (size_t)size : 1);
    if (!reading->bytes) {
        return error_set(error, STATUS_INTERNAL, shard->path, "use smaller shards, or more memory",
                         "no memory for the %llu bytes of a lease", (unsigned long long)size);
    }
    enum status status = STATUS_OK;
    while (begin < end && status == STATUS_OK && come_on(reading)) {
        uint32_t piece = piece_of(shard, begin, end);
        status = shard_read(shard, begin, piece, reading->bytes + (shard->offset[begin] - first), error);
        begin += piece;
    }
    return status;
}

static void *read_thread(void *context)
{
    struct reading *reading = context;
    enum status status = STATUS_OK;
    if (!reading->shard) {
        status = shard_cache_open(reading->request.manifest, reading->lease.shard, &reading->shard,
                                  &reading->error);
    }
    if (status == STATUS_OK) {
        status = read_pieces(reading, &reading->error);
    }
    pthread_mutex_lock(&reading->lock);
    reading->status = status;
    reading->done = true;
    bool given_up = reading->given_up;
    pthread_cond_signal(&reading->wake);
    pthread_mutex_unlock(&reading->lock);
    if (given_up) {
        free_reading(reading);
    }
    return NULL;
}

/* Waits for its end. STATUS_OK: there it is; else it is given up. */
static enum status await(struct reading *reading)
{
    const struct lease_request *request = &reading->request;
    enum status status = STATUS_OK;
    double since = clock_monotonic();
    uint64_t steps = 0;
    pthread_mutex_lock(&reading->lock);
    while (!reading->done && status == STATUS_OK) {
        thread_condition_wait(&reading->wake, &reading->lock, LOOK_SECONDS);
        if (reading->steps != steps) {
            steps = reading->steps;
            since = clock_monotonic();
        }
        pthread_mutex_unlock(&reading->lock);
        if (request->stopped(request->context)) {
            status = STATUS_STOPPED;
        } else if (clock_monotonic() - since > request->limit_seconds) {
            status = STATUS_LOST;
        }
        pthread_mutex_lock(&reading->lock);
    }
    status = reading->done ? STATUS_OK : status;
    reading->given_up = !reading->done;
    pthread_mutex_unlock(&reading->lock);
    return status;
}

static struct reading *create_reading(struct shard_cache *cache, const struct lease_request *request)
{
    struct reading *reading = calloc(1, sizeof *reading);
    if (!reading) {
        return NULL;
    }
    reading->request = *request;
    reading->lease = *request->lease;
    reading->shard = shard_cache_use(cache, request->manifest, request->lease->shard);
    pthread_mutex_init(&reading->lock, NULL);
    thread_condition_init(&reading->wake);
    return reading;
}

static enum status no_answer(struct shard_cache *cache, const struct lease_request *request,
                             struct error *error)
{
    char where[ERROR_TEXT_SIZE];
    const struct manifest *manifest = request->manifest;
    shard_cache_forget(cache, manifest, request->lease->shard);
    snprintf(where, sizeof where, "%.300s/%.100s, dataset %.60s, shard %u", manifest->directory,
             manifest->shards[request->lease->shard].file, manifest->name, request->lease->shard);
    return error_set(
        error, STATUS_LOST, where,
        "see whether the file system answers, then submit again: the run goes on from its newest checkpoint",
        "a shard cannot be read: the file system has not answered for %.0f s", request->limit_seconds);
}

enum status lease_read(struct shard_cache *cache, const struct lease_request *request,
                       struct cached_shard **shard, uint8_t **bytes, struct error *error)
{
    struct reading *reading = create_reading(cache, request);
    pthread_t thread;
    if (!reading) {
        return error_no_memory(error, "loader");
    }
    enum status status = thread_start(&thread, read_thread, reading, "loader", error);
    if (status != STATUS_OK) {
        free_reading(reading);
        return status;
    }
    status = await(reading);
    if (status != STATUS_OK) {
        pthread_detach(thread);
        return status == STATUS_LOST ? no_answer(cache, request, error) : status;
    }
    pthread_join(thread, NULL);
    status = reading->status;
    if (status == STATUS_OK) {
        shard_cache_keep(cache, reading->shard);
        *shard = reading->shard;
        *bytes = reading->bytes;
        reading->shard = NULL;
        reading->bytes = NULL;
    } else if (error) {
        *error = reading->error;
    }
    free_reading(reading);
    return status;
}
