/* How a run starts: the workers have said who they are. Called by coordinator_handle.c. */
#ifndef DAIL_DAEMON_COORDINATOR_COORDINATOR_HANDSHAKE_H
#define DAIL_DAEMON_COORDINATOR_COORDINATOR_HANDSHAKE_H

#include "daemon/coordinator/coordinator_state.h"

/* Every worker has said hello: checks versions, shows placement, sends MESSAGE_START and the first leases. */
enum status coordinator_handshake(struct coordinator *coordinator, struct error *error);

#endif
