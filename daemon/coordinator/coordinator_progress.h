/* Whether the run goes on. Every heartbeat tells what its rank's main thread is at, and a count of what it has done; where
 * no worker's count rises the run stands still, and what they wait for says whose fault that is: a warning after
 * liveness_seconds (or some steps, where these are longer), the end of the run after ten times that, or three times where
 * it was asked to stop. Called by coordinator.c.
 */
#ifndef DAIL_DAEMON_COORDINATOR_COORDINATOR_PROGRESS_H
#define DAIL_DAEMON_COORDINATOR_COORDINATOR_PROGRESS_H

#include "daemon/coordinator/coordinator_state.h"

/* STATUS_LOST: it has stood still for too long; *worker is whose fault it is, -1: no single one's. */
enum status coordinator_check_progress(struct coordinator *coordinator, int *worker, struct error *error);

#endif
