/* Control messages over MPI: encoded bytes on a communicator that nothing else uses. No call blocks: sends
 * are started and completed later, receives take only what has already come in.
 */
#ifndef DAIL_DAEMON_COORDINATOR_LINK_H
#define DAIL_DAEMON_COORDINATOR_LINK_H

#include "daemon/coordinator/coordinator_context.h"
#include "proto/message.h"
#include "worker/worker_context.h"

#include <mpi.h>
#include <stdbool.h>

struct link_sending;

struct link {
    MPI_Comm communicator;
    struct link_sending *sending; /* messages on their way */
};

/* `communicator` is this link's alone; its error handler becomes MPI_ERRORS_RETURN. */
void link_open(struct link *link, MPI_Comm communicator);

/* Waits up to `seconds` until every message is sent, then forgets the rest. */
void link_close(struct link *link, double seconds);

/* The coordinator's end: workers are ranks 1 to W of the communicator. */
struct coordinator_link link_for_coordinator(struct link *link, int workers);

/* A worker's end: its only peer is rank 0. */
struct worker_link link_for_worker(struct link *link);

#endif
