/* The loader's thread, and the state that it shares with its caller. Private to the loader. */
#ifndef DAIL_WORKER_LOADER_LOADER_THREAD_H
#define DAIL_WORKER_LOADER_LOADER_THREAD_H

#include "worker/augment/augment.h"
#include "worker/loader/lane.h"
#include "worker/loader/lease.h"
#include "worker/loader/loader.h"

#include <pthread.h>

enum slot_state { SLOT_FREE, SLOT_READY, SLOT_TAKEN };

/* A place for one micro-batch. */
struct slot {
    struct micro_batch batch;
    enum slot_state state;
};

/* One epoch's leases, complete when every lane has its own. */
struct loader_epoch {
    struct loader_epoch *next;
    int64_t epoch;
    int64_t skip, use; /* images of each lane */
    int given; /* lanes so far */
    struct lane **lanes; /* [config.lanes] */
};

/* One dataset's lease under way in a lane. */
struct open_lease {
    struct lease_data data;
    uint32_t lease;
};

struct loader {
    struct loader_config config;
    pthread_t thread;
    bool thread_runs;

    pthread_mutex_t lock; /* guards what follows, up to the thread's own */
    pthread_cond_t wake_thread, wake_caller;
    bool lock_made;
    struct loader_epoch *epochs; /* the first one is under way once it is complete */
    struct slot *slots; /* [lanes][depth] */
    int64_t *filled, *taken; /* [lanes]: micro-batches so far; modulo depth, the next slot */
    int blocked_lane; /* the thread waits for a free slot of this lane; -1: it does not */
    bool stop;
    enum status status; /* the thread's first failure */
    struct error error;
    uint64_t done; /* images so far */
    char file[LOADER_FILE_SIZE]; /* that the thread reads; "": none */
    struct loader_notice *notices; /* [notice_count], of this loader's whole life */
    size_t notice_count, notices_taken;

    bool given_up; /* a reading was, and may still be at it */
    struct shard_cache *cache; /* the thread's own, as are those that follow */
    struct open_lease *leases; /* [lanes][datasets] */
    uint8_t *pixels;
    struct augmenter *augmenter;
};

/* The thread's whole life; `context` is the loader. */
void *loader_thread(void *context);

/* Where micro-batch `number` of a lane (counted among the worker's own) has its place. */
struct slot *loader_slot(struct loader *loader, int lane, int64_t number);

/* Whether all lanes have their leases of an epoch (which may be NULL). */
bool loader_epoch_is_complete(const struct loader *loader, const struct loader_epoch *epoch);

void loader_epoch_free(const struct loader *loader, struct loader_epoch *epoch);

#endif
