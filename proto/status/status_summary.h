/* What a status log says of its run, folded record by record: what `dail tail` shows. */
#ifndef DAIL_PROTO_STATUS_STATUS_SUMMARY_H
#define DAIL_PROTO_STATUS_STATUS_SUMMARY_H

#include "proto/status/status_record.h"

#include <stdbool.h>
#include <stdint.h>

#define SUMMARY_HISTORY 240
#define SUMMARY_WORKERS 1024
#define SUMMARY_SETS 32
#define SUMMARY_SLOW 64

enum summary_state {
    SUMMARY_NONE, /* no record yet */
    SUMMARY_RUNNING, /* started, and no stop since */
    SUMMARY_STALLED, /* the same, but it stands still */
    SUMMARY_DONE, /* stop with exit code 0 */
    SUMMARY_STOPPED, /* stop with exit code 75: to be gone on with */
    SUMMARY_FAILED /* stop with another exit code, or a fault and no step since */
};

struct summary_worker {
    int rank;
    int threads;
    char host[128];
    char isa[16];
    struct status_worker_seconds seconds; /* a step, of the last step record; NaN before one */
};

struct summary_eval {
    char set[128];
    int64_t step, pairs;
    double accuracy, accuracy_std, auc;
};

/* Who holds the run up just now. */
struct summary_slow {
    int rank;
    char host[128], what[16];
    double since; /* t of its record */
    double own, others, share; /* as it began: status_table.def */
};

struct status_summary {
    enum summary_state state;
    char name[128], version[32];
    double begin; /* t of the last start */
    double last_t; /* of the last record */
    int lanes;
    int64_t global_batch, parameters, steps_per_epoch;
    int exit_code; /* of the last stop */

    struct status_step step; /* the last one, without its workers; after a start, where that goes on from */

    /* The last SUMMARY_HISTORY step records, oldest first. */
    double loss_history[SUMMARY_HISTORY], domain_history[SUMMARY_HISTORY];
    int history;

    struct summary_worker workers[SUMMARY_WORKERS];
    int worker_count;
    struct summary_eval evals[SUMMARY_SETS]; /* the newest of each set */
    int eval_count;

    struct status_groups groups; /* the last ones that were discovered; step 0: none */

    int64_t checkpoint_step; /* -1: none */
    double checkpoint_t;
    char checkpoint_path[512];
    struct summary_slow slow[SUMMARY_SLOW];
    int slow_count;
    char warning[512]; /* the last one since the start; may be empty */
    char fault[1024]; /* the last one since the start, with rank and host; may be empty */
};

void status_summary_init(struct status_summary *summary);

/* Takes one record into account; unknown kinds are passed over. A new start keeps the history, evaluations and
 * checkpoint of the run that it resumes and forgets them otherwise. */
void status_summary_fold(struct status_summary *summary, const struct status_record *record);

/* Started, and not at its end. */
bool status_summary_is_under_way(const struct status_summary *summary);

/* "running", "stalled", "done", "stopped", "failed", "none". */
const char *status_summary_state_name(enum summary_state state);

#endif
