/* What a run's status log holds, whole, as a report draws it: curves, evaluations, checkpoints, starts,
 * notes.
 *
 * A start that goes on from step S takes the place of what was recorded beyond S before.
 */
#ifndef DAIL_DAEMON_REPORT_REPORT_LOG_H
#define DAIL_DAEMON_REPORT_REPORT_LOG_H

#include "proto/error.h"
#include "proto/status/status_summary.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct report_start {
    struct status_record start, stop; /* the latter of kind STATUS_KIND_UNKNOWN until it has come */
    double last_t; /* of its last record */
    int64_t reached; /* the last step recorded */
};

struct report_worker {
    const struct status_worker *worker; /* within the start's record */
    struct status_worker_seconds mean; /* since the last start; NaN: never reported */
    int64_t reports;
};

/* The arrays are in the log's order; evaluations of all sets are in one. */
struct report_log {
    struct status_summary *summary;
    struct status_step *steps; /* without their workers */
    size_t step_count;
    struct status_record *evals;
    size_t eval_count;
    struct status_record *checkpoints;
    size_t checkpoint_count;
    struct status_groups *groups; /* that were discovered */
    size_t group_count;
    struct report_start *starts;
    size_t start_count;
    struct status_record *notes; /* warnings and faults */
    size_t note_count;
    struct status_record *slows; /* who held the run up: a record as it began, and one as it ended */
    size_t slow_count;
    const struct status_dataset *datasets; /* of the last start */
    size_t dataset_count;
    struct report_worker *workers; /* likewise */
    size_t worker_count;
    int64_t replaced; /* step records that a later start took the place of */
    int64_t garbage; /* lines that were no records */
    bool no_memory;
};

/* Reads all that is there of `path` and of its segments, also of a run that is still going. STATUS_DATA without a record. The
 * caller calls report_log_free in any case. */
enum status report_log_read(const char *path, struct report_log *log, struct error *error);
void report_log_free(struct report_log *log);

#endif
