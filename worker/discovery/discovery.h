/* Identity groups found from the class centres that a training gathers: all workers compare the centres that they own
 * with everybody's, a block at a time; the first judges the lists that come of it (worker/identity/judge.h) and tells
 * the groups to the others.
 */
#ifndef DAIL_WORKER_DISCOVERY_DISCOVERY_H
#define DAIL_WORKER_DISCOVERY_DISCOVERY_H

#include "worker/exchange/exchange.h"
#include "worker/loss/identity.h"
#include "worker/parameter/parameter.h"

struct discovery_config {
    double min_probability; /* of a pair that is joined */
    int threads;
    /* Called between blocks; may be NULL. */
    void (*between)(void *context);
    void *context;
};

/* The same on all workers. */
struct discovery_result {
    uint64_t pairs; /* of classes that are one person now */
    uint64_t groups; /* of two classes or more */
    double
        precision; /* the share of them that is expected to be right; NaN where there are none, or it is not known */
    double shared; /* pairs that there are in all, found or not, estimated */
    bool known; /* false: the judge cannot tell, so the groups are as they were */
};

/* Bytes that a discovery takes for a while, on a worker that owns these rows[datasets] of `classes` in all. */
int64_t discovery_memory_bytes(const struct parameter_group *rows, size_t datasets, uint64_t classes,
                               bool first);

/* Collective. rows [groups->datasets]: this worker's class rows, with their centres. Makes `groups` anew where it can be
 * told who is one person. */
enum status discovery_run(const struct discovery_config *config, const struct parameter_group *rows,
                          struct exchange *exchange, struct identity_groups *groups,
                          struct discovery_result *result, struct error *error);

#endif
