/* A worker's side of checkpoints: it writes the parts that it holds, and restores itself from any. */
#ifndef DAIL_WORKER_SAVE_H
#define DAIL_WORKER_SAVE_H

#include "worker/trainer.h"
#include "worker/worker.h"

/* Writes this worker's parts of the checkpoint of `step` (the first worker: model.h5; every worker: its
 * blocks of class rows) and sends a MESSAGE_PART for each. Collective: the first worker makes the directory.
 * A failure to write is sent as MESSAGE_FAULT and is no failure of this call: the coordinator gives the
 * checkpoint up and says so to all workers alike. */
enum status save_parts(struct trainer *trainer, int64_t step, const struct worker_link *link,
                       struct error *error);

/* Reads weights, momenta and statistics from the checkpoint in directory `path`. */
enum status save_restore(struct trainer *trainer, const char *path, struct error *error);

#endif
