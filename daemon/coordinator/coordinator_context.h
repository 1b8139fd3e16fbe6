/* What the coordinator is handed: the checked run, its logs, and the way to the workers. */
#ifndef DAIL_DAEMON_COORDINATOR_COORDINATOR_CONTEXT_H
#define DAIL_DAEMON_COORDINATOR_COORDINATOR_CONTEXT_H

#include "daemon/coordinator/journal.h"
#include "daemon/rank/launcher.h"
#include "daemon/rank/watchdog.h"
#include "daemon/setup/setup.h"
#include "proto/folder_lock.h"
#include "proto/message.h"

#include <signal.h>

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
    struct folder_lock *lock; /* on run.dir; NULL: nobody else wants it */
    struct coordinator_link link;
    struct journal *journal;
    const volatile sig_atomic_t *stop_signal; /* nonzero: stop with a checkpoint */
    struct watchdog *watchdog; /* NULL: silence is noticed by messages alone */
    const struct launcher *launcher; /* of the MPI that this is; NULL: one that is not known */
    int poll_milliseconds; /* pause between two looks for messages */
};

#endif
