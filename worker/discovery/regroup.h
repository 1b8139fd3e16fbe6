/* Class rows when the identity groups change: what the classes of a group knew together goes on in the new groups.
 *
 * A new group's row begins as the mean direction of the rows that its classes had, as long as these are in the mean,
 * and its momentum as the mean of theirs. A class that is alone again takes a copy of the row that it shared. Groups that
 * stay as they are keep their rows to the last bit.
 */
#ifndef DAIL_WORKER_DISCOVERY_REGROUP_H
#define DAIL_WORKER_DISCOVERY_REGROUP_H

#include "worker/exchange/exchange.h"
#include "worker/loss/identity.h"
#include "worker/parameter/parameter.h"

struct regroup_counts {
    uint64_t joined, parted; /* pairs of classes that are one person now, and that are no more */
};

/* Collective. rows [datasets]: this worker's, with momenta. `before` and `after` are of the same classes and the same on
 * all workers. Any number of workers makes the same bits of the same rows. */
enum status regroup_rows(const struct parameter_group *rows, struct exchange *exchange,
                         const struct identity_groups *before, const struct identity_groups *after,
                         struct error *error);

struct regroup_counts regroup_count(const struct identity_groups *before,
                                    const struct identity_groups *after);

#endif
