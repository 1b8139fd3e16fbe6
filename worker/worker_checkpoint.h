/* When a worker begins a checkpoint, and when it waits for one. Called by worker.c and worker_numeric.c. */
#ifndef DAIL_WORKER_WORKER_CHECKPOINT_H
#define DAIL_WORKER_WORKER_CHECKPOINT_H

#include "worker/worker_state.h"

/* Begins the checkpoint of `step` steps done, with `skips` updates skipped in a row, unless there is one that
 * is as new. One that is still being written comes first: each worker waits for the coordinator's word on it,
 * so that all do the same whatever their speed. */
enum status worker_begin_checkpoint(struct worker *worker, int64_t step, int skips, bool evaluation_due,
                                    struct error *error);
/* The same where nothing comes after: waits for the word that it is committed, and tries again if it is not.
 * In the end that is a STATUS_STORAGE whose text the coordinator knows. */
enum status worker_finish_checkpoint(struct worker *worker, int64_t step, int skips, bool evaluation_due,
                                     struct error *error);

#endif
