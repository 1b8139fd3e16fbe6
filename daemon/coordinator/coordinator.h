/* The coordinator: rank 0's whole life once everything is checked. It takes no part in the workers'
 * collectives; it hears the workers, leases them their images, commits their checkpoints, writes the logs and
 * notices when one falls silent. It knows nothing of MPI beyond the link it is handed.
 *
 *   greet     every worker says hello; placement is printed; MESSAGE_START and the leases go out
 *   train     messages are handled as they come, until every worker has sent MESSAGE_DONE
 */
#ifndef DAIL_DAEMON_COORDINATOR_COORDINATOR_H
#define DAIL_DAEMON_COORDINATOR_COORDINATOR_H

#include "daemon/coordinator/journal.h"
#include "daemon/rank/watchdog.h"
#include "daemon/setup/setup.h"
#include "proto/message.h"

#include <signal.h>
#include <stdbool.h>

/* The way to the workers, numbered from 0 (worker w is rank w + 1). Neither call blocks. */
struct coordinator_link {
    void *context;
    int workers;
    enum status (*send)(void *context, int worker, const struct message *message, struct error *error);
    /* *worker is -1 when nothing has come; else *message is filled and the caller calls message_free. A
     * message that cannot be read is a failure, with *worker its sender. */
    enum status (*receive)(void *context, int *worker, struct message *message, struct error *error);
};

struct coordinator_context {
    const struct setup *setup;
    struct coordinator_link link;
    struct journal *journal;
    const volatile sig_atomic_t *stop_signal; /* nonzero: stop with a checkpoint */
    struct watchdog *watchdog; /* NULL: silence is noticed by messages alone */
    int poll_milliseconds; /* pause between two looks for messages */
};

/* Returns what the run ended with: STATUS_OK, STATUS_STOPPED, or a failure with its error. *orderly: every
 * worker has left its loop and can finalise; otherwise only killing the ranks ends the run. The fault and
 * stop records are written. An error without text has been told by others. */
enum status coordinator_run(const struct coordinator_context *context, bool *orderly, struct error *error);

#endif
