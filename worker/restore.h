/* A worker restored from a checkpoint of any number of workers. */
#ifndef DAIL_WORKER_RESTORE_H
#define DAIL_WORKER_RESTORE_H

#include "worker/trainer.h"

/* Reads weights, momenta and statistics from the checkpoint in directory `path`. */
enum status restore_checkpoint(struct trainer *trainer, const char *path, struct error *error);

#endif
