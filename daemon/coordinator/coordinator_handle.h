/* What the coordinator does with each kind of message. Called by coordinator.c. */
#ifndef DAIL_DAEMON_COORDINATOR_COORDINATOR_HANDLE_H
#define DAIL_DAEMON_COORDINATOR_COORDINATOR_HANDLE_H

#include "daemon/coordinator/coordinator_state.h"

/* Handles one message of one worker. A failure is one of the protocol or of the coordinator itself. */
enum status coordinator_handle(struct coordinator *coordinator, int worker, const struct message *message,
                               struct error *error);

#endif
