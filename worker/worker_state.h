/* What a worker knows while it lives. Private to worker*.c. */
#ifndef DAIL_WORKER_WORKER_STATE_H
#define DAIL_WORKER_WORKER_STATE_H

#include "shard/pairs.h"
#include "worker/save.h"
#include "worker/trainer.h"
#include "worker/worker.h"

/* Leases of an epoch, counted as they come in. */
struct worker_epoch {
    int64_t epoch; /* -1: none */
    int lanes; /* whose leases have come */
    int64_t *images; /* [own lanes] leased */
};

struct worker {
    const struct worker_context *context;
    struct trainer trainer;
    struct pairs *pairs; /* [validation.count] */
    size_t pairs_open;
    bool started;
    struct message_start start;
    int64_t step; /* steps done */
    unsigned requests;
    struct save *save;
    struct worker_epoch epochs[2]; /* by the epoch's lowest bit */
    int skips; /* updates in a row that were skipped */
    double pause_end; /* of a wait by the clock */
    double last_heartbeat;
    struct {
        double begin, data, compute, exchange, hidden, bytes;
        int steps;
    } window; /* since the last step report */
};

enum status worker_send(struct worker *worker, const struct message *message, struct error *error);

/* Something was done: a heartbeat where one is due, and whatever is ready to be sent. `context` is the worker. */
void worker_progress(void *context, enum message_phase phase);

/* Waits for messages until `done` says so, sending heartbeats. */
enum status worker_wait(struct worker *worker, bool (*done)(const struct worker *), enum message_phase phase,
                        struct error *error);

/* Begins the checkpoint of `step` steps done, with `skips` updates skipped in a row, unless there is one that
 * is as new. One that is still being written comes first: each worker waits for the coordinator's word on it,
 * so that all do the same whatever their speed. */
enum status worker_begin_checkpoint(struct worker *worker, int64_t step, int skips, bool evaluation_due,
                                    struct error *error);
/* The same where nothing comes after: waits for the word that it is committed, and tries again if it is not.
 * In the end that is a STATUS_STORAGE whose text the coordinator knows. */
enum status worker_finish_checkpoint(struct worker *worker, int64_t step, int skips, bool evaluation_due,
                                     struct error *error);

/* After each step: tells of an update that was skipped, and counts. numeric.max_skips in a row are
 * STATUS_NUMERIC, after a checkpoint of the last good state. */
enum status worker_count_skips(struct worker *worker, const struct step_result *result, struct error *error);

#endif
