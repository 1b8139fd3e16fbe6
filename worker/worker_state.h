/* What a worker knows while it lives. worker_messages stands on it, worker_checkpoint on that, worker_numeric on
 * both, and worker.c on all.
 */
#ifndef DAIL_WORKER_WORKER_STATE_H
#define DAIL_WORKER_WORKER_STATE_H

#include "shard/pairs.h"
#include "worker/save.h"
#include "worker/trainer.h"
#include "worker/worker_context.h"

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
    struct message_heartbeat sign; /* what it is at */
    double file_since; /* when sign.file became what it is */
    uint64_t written; /* by the checkpoint's thread, when last looked at */
    struct { /* whether that comes on */
        uint64_t written;
        double since;
        bool told;
    } saved;
    struct error fault; /* of messages that came in while it worked; STATUS_OK: none */
    struct {
        double begin, data, compute, exchange, hidden, classifier;
        double bytes[TRAFFIC_KINDS], bytes_all;
        int steps;
    } window; /* since the last step report */
};

#endif
