/* The coordinator: rank 0's whole life once everything is checked. It takes no part in the workers'
 * collectives; it hears the workers, leases them their images, commits their checkpoints, writes the logs and
 * notices when one falls silent. It knows nothing of MPI beyond the link it is handed.
 *
 *   handshake  every worker says hello; placement is printed; MESSAGE_START and the leases go out
 *   train      messages are handled as they come, until every worker has sent MESSAGE_DONE
 */
#ifndef DAIL_DAEMON_COORDINATOR_COORDINATOR_H
#define DAIL_DAEMON_COORDINATOR_COORDINATOR_H

#include "daemon/coordinator/coordinator_context.h"

#include <stdbool.h>

/* Returns what the run ended with: STATUS_OK, STATUS_STOPPED, or a failure with its error. *orderly: every
 * worker has left its loop and can finalise; otherwise only killing the ranks ends the run. The fault and
 * stop records are written. An error without text has been told by others. */
enum status coordinator_run(const struct coordinator_context *context, bool *orderly, struct error *error);

#endif
