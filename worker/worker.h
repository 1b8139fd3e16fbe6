/* A worker rank's whole life: it is handed the configuration, the exchange among the workers, and a link to
 * whoever gives it leases and hears its reports, and trains until the steps are done or a stop is asked for.
 */
#ifndef DAIL_WORKER_WORKER_H
#define DAIL_WORKER_WORKER_H

#include "worker/worker_context.h"

/* Returns STATUS_OK when training and final evaluation are done, STATUS_STOPPED after a requested stop with
 * its checkpoint, else the failure. The worker that failed has sent it as MESSAGE_FAULT; the others leave the
 * loop at the same step with the same status and an error without text. MESSAGE_DONE is sent in any case. */
enum status worker_run(const struct worker_context *context, struct error *error);

#endif
