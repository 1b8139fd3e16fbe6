/* How checkpoints go, from the coordinator's side: what became of one, when the next is due, and what is left
 * when the last one could not be written. Called by coordinator.c and coordinator_handle.c.
 */
#ifndef DAIL_DAEMON_COORDINATOR_COORDINATOR_CHECKPOINT_H
#define DAIL_DAEMON_COORDINATOR_COORDINATOR_CHECKPOINT_H

#include "daemon/coordinator/coordinator_state.h"

/* A worker is through with its part of a checkpoint. */
enum status coordinator_take_saved(struct coordinator *coordinator, int worker,
                                   const struct message_saved *saved, struct error *error);
/* Whether the first worker is to be told now that a checkpoint is due: by time, or after one that failed. */
bool coordinator_requests_checkpoint(struct coordinator *coordinator);
/* The workers left because the last checkpoint could not be written: the error that says so, and what is
 * safe. */
enum status coordinator_unsaved(const struct coordinator *coordinator, struct error *error);

#endif
