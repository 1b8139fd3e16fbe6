/* The records of status.jsonl, one function a kind (README, "Status log"). Each returns a new object that the
 * caller owns, or NULL when memory runs out; `t`, `seq` and `kind` are added when it is written.
 */
#ifndef DAIL_DAEMON_COORDINATOR_STATUS_RECORD_H
#define DAIL_DAEMON_COORDINATOR_STATUS_RECORD_H

#include "daemon/coordinator/plan.h"
#include "daemon/setup/setup.h"
#include "proto/message.h"

#include <jansson.h>
#include <stdbool.h>

/* One worker's part of a step record. */
struct step_seconds {
    bool heard;
    double data, compute, exchange, hidden;
    double bytes; /* handed to the exchange */
};

/* hello [setup->workers] */
json_t *status_record_start(const struct setup *setup, const struct message_hello *hello);
json_t *status_record_plan(const struct plan *plan, int workers);
/* `step` has the global figures; seconds [workers] what each worker spent; their means are written too, and
 * of the bytes the mean alone. All are per step. */
json_t *status_record_step(const struct message_step *step, int64_t steps, double eta_seconds,
                           const struct step_seconds *seconds, int workers);
json_t *status_record_eval(const struct message_eval *eval);
/* seconds: from the step to the commit; stall: of these, that training stood still. */
json_t *status_record_checkpoint(int64_t step, const char *path, uint64_t bytes, double seconds,
                                 double stall);
json_t *status_record_warning(const char *what);
/* rank 0 is the coordinator */
json_t *status_record_fault(int rank, const char *host, const char *what);
json_t *status_record_stop(const char *reason, int exit_code);

#endif
