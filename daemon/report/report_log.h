/* What a run's status log holds, whole, as a report draws it: curves, evaluations, checkpoints, starts,
 * notes.
 *
 * A start that goes on from step S takes the place of what was recorded beyond S before.
 */
#ifndef DAIL_DAEMON_REPORT_REPORT_LOG_H
#define DAIL_DAEMON_REPORT_REPORT_LOG_H

#include "proto/error.h"
#include "proto/status_summary.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum report_field {
    REPORT_LOSS,
    REPORT_LOSS_CLS,
    REPORT_LOSS_DOM,
    REPORT_ACCURACY,
    REPORT_DOMAIN_ACCURACY,
    REPORT_LAMBDA,
    REPORT_LR,
    REPORT_GRAD_NORM,
    REPORT_IMAGES_PER_SECOND,
    REPORT_DATA, /* seconds per step, means over the workers: these three add up to the step */
    REPORT_COMPUTE,
    REPORT_EXCHANGE,
    REPORT_FIELDS
};

/* The next three begin with their step (report_log.c). */
struct report_step {
    int64_t step;
    double value[REPORT_FIELDS]; /* NaN where the log has none */
};

struct report_eval {
    int64_t step, pairs;
    char set[128];
    double accuracy, accuracy_std, threshold, auc, norm;
    double tar[3]; /* at far 1e-2, 1e-3, 1e-4; NaN where the set is too small */
};

struct report_checkpoint {
    int64_t step;
    double t, bytes, seconds, stall;
    char path[512];
};

struct report_start {
    double t, last_t; /* of its first and last record */
    int64_t step; /* it goes on from */
    int64_t reached; /* the last step recorded */
    int workers;
    bool ended; /* its stop record is there */
    int exit_code;
    char reason[64];
};

struct report_note {
    double t;
    bool fault;
    int rank; /* of a fault */
    char host[128];
    char what[512];
};

struct report_dataset {
    char name[128];
    int64_t id, classes, images, shards;
};

struct report_worker {
    int rank, threads;
    char host[128], isa[16];
    double data, compute, exchange; /* mean seconds per step since the last start; NaN: never reported */
    int64_t reports;
};

/* The arrays are in the log's order; evaluations of all sets are in one. */
struct report_log {
    struct status_summary *summary;
    struct report_step *steps;
    size_t step_count;
    struct report_eval *evals;
    size_t eval_count;
    struct report_checkpoint *checkpoints;
    size_t checkpoint_count;
    struct report_start *starts;
    size_t start_count;
    struct report_note *notes;
    size_t note_count;
    struct report_dataset *datasets; /* of the last start */
    size_t dataset_count;
    struct report_worker *workers; /* likewise */
    size_t worker_count;
    int64_t replaced; /* step records that a later start took the place of */
    int64_t garbage; /* lines that were no records */
    bool no_memory;
};

/* Reads all that is there of `path`, also of a run that is still going. STATUS_DATA without a record. The
 * caller calls report_log_free in any case. */
enum status report_log_read(const char *path, struct report_log *log, struct error *error);
void report_log_free(struct report_log *log);

#endif
