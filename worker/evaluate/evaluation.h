/* Evaluation of a verification set: its images are shared out over the workers, embedded with their mirror,
 * and scored (verification.h). The same bits on every worker; a single process uses exchange_local.
 */
#ifndef DAIL_WORKER_EVALUATE_EVALUATION_H
#define DAIL_WORKER_EVALUATE_EVALUATION_H

#include "shard/pairs.h"
#include "worker/evaluate/verification.h"
#include "worker/exchange/exchange.h"
#include "worker/nn/iresnet.h"

#include <stdbool.h>

/* Collective. `batch` images at a time. `stop` is asked between micro-batches by every worker at the same
 * places (its answer must be the same everywhere: exchange it); true ends the evaluation early with
 * STATUS_STOPPED. May be NULL. distances [pairs->count]: receives the pairs' squared distances; may be NULL.
 */
enum status evaluation_run(struct iresnet *net, int input, int batch, const struct pairs *pairs,
                           struct exchange *exchange, const struct iresnet_hooks *hooks,
                           bool (*stop)(void *context), void *context, struct verification *result,
                           double *distances, struct error *error);

#endif
