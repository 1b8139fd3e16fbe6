/* Updates that were skipped, since a loss or gradient was not finite. Called by worker.c. */
#ifndef DAIL_WORKER_WORKER_NUMERIC_H
#define DAIL_WORKER_WORKER_NUMERIC_H

#include "worker/worker_state.h"

/* After each step: tells of an update that was skipped, and counts. numeric.max_skips in a row are
 * STATUS_NUMERIC, after a checkpoint of the last good state. */
enum status worker_count_skips(struct worker *worker, const struct step_result *result, struct error *error);

#endif
