/* What a worker's weights are before the first step: a checkpoint's, of any number of workers, or initial ones. */
#ifndef DAIL_WORKER_RESTORE_H
#define DAIL_WORKER_RESTORE_H

#include "worker/trainer.h"

/* Both are called by all workers together. What all have alike the first worker reads, and tells the others; its own class
 * rows each reads itself, from the files that have them alone. The bytes have been verified before. */

/* Reads weights, momenta and statistics from the checkpoint in directory `path`. */
enum status restore_checkpoint(struct trainer *trainer, const char *path, struct error *error);

/* Initial weights, or `model.init`'s: of a checkpoint its backbone, and the class rows of the datasets that are the
 * same; a class that shared another's row there begins with that. */
enum status restore_initial_weights(struct trainer *trainer, struct error *error);

#endif
