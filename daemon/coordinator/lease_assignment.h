/* The plans of the epochs under way, and the sending of their leases. */
#ifndef DAIL_DAEMON_COORDINATOR_LEASE_ASSIGNMENT_H
#define DAIL_DAEMON_COORDINATOR_LEASE_ASSIGNMENT_H

#include "daemon/coordinator/coordinator_context.h"
#include "daemon/plan/plan.h"

/* Epochs whose leases a worker holds: the one it trains on, and the next. */
#define LEASE_EPOCHS_AHEAD 2

struct lease_assignment {
    const struct coordinator_context *context;
    struct plan_dataset *datasets; /* [setup->datasets] */
    uint32_t *images; /* of all shards of all datasets */
    int64_t epochs; /* the training ends within the last of these */
    struct plan plans[LEASE_EPOCHS_AHEAD + 1]; /* by epoch, modulo */
};

enum status lease_assignment_open(const struct coordinator_context *context,
                                  struct lease_assignment *assignment, struct error *error);
void lease_assignment_close(struct lease_assignment *assignment);

/* Sends every lane's leases of the first epochs: those of the epoch that `step` steps lead into, and the
 * next.
 */
enum status lease_assignment_begin(struct lease_assignment *assignment, int64_t step, struct error *error);

/* A lane has come to the end of `epoch`: sends its worker the lane's leases of LEASE_EPOCHS_AHEAD epochs on,
 * if the training goes that far. */
enum status lease_assignment_renew(struct lease_assignment *assignment, int worker,
                                   const struct message_lease_done *done, struct error *error);

#endif
