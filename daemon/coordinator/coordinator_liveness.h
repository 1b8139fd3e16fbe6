/* Who is still there: what the workers' messages, the watchdog's datagrams and their process ids tell. Called by
 * coordinator.c.
 */
#ifndef DAIL_DAEMON_COORDINATOR_COORDINATOR_LIVENESS_H
#define DAIL_DAEMON_COORDINATOR_COORDINATOR_LIVENESS_H

#include "daemon/coordinator/coordinator_state.h"

/* Has a worker been silent for too long, or does it hang? The longest such is told in *error; *worker is -1
 * where it is no single worker's fault. */
enum status coordinator_check_liveness(const struct coordinator *coordinator, int *worker,
                                       struct error *error);

/* Warns once of workers whose datagrams do not come through. */
void coordinator_check_datagrams(struct coordinator *coordinator);

/* After a request to stop: mpirun makes it too, and kills every rank a second later, when one has died. Is it
 * that? The worker that has gone is then a fault. */
enum status coordinator_check_departed(struct coordinator *coordinator, int *worker, struct error *error);

/* Was this process stopped for a good part of liveness_seconds until just now? Then the workers are gone, or
 * going, and the fault is its own. */
bool coordinator_given_up(struct coordinator *coordinator, struct error *error);

#endif
