/* What the coordinator puts into the status log, one function a kind of record: here each member of
 * status_table.def is given its value. */
#ifndef DAIL_DAEMON_COORDINATOR_JOURNAL_RECORD_H
#define DAIL_DAEMON_COORDINATOR_JOURNAL_RECORD_H

#include "daemon/coordinator/journal.h"
#include "daemon/plan/plan.h"
#include "daemon/setup/setup.h"
#include "proto/message.h"

#include <stdbool.h>

/* One worker's part of a step record. */
struct step_seconds {
    bool heard;
    double data, compute, exchange, hidden, classifier;
    double bytes; /* handed to the exchange; of them: */
    double bytes_gradients, bytes_embeddings, bytes_reductions;
};

/* hello [setup->workers] */
void journal_start(struct journal *journal, const struct setup *setup, const struct message_hello *hello);
void journal_plan(struct journal *journal, const struct plan *plan, int workers);
/* `step` has the global figures; seconds [workers] what each worker spent: all per step. */
void journal_step(struct journal *journal, const struct message_step *step, int64_t steps, double eta_seconds,
                  const struct step_seconds *seconds, int workers);
void journal_eval(struct journal *journal, const struct message_eval *eval);
/* epoch: that ended there, from 1 */
void journal_groups(struct journal *journal, const struct message_groups *groups, int64_t epoch);
/* seconds: from the step to the commit; stall: of these, that training stood still. */
void journal_checkpoint(struct journal *journal, int64_t step, const char *path, uint64_t bytes,
                        double seconds, double stall);
/* What slowness.h found of a worker, `what` being its kind. */
void journal_slow(struct journal *journal, int rank, const char *host, const char *what, bool begins,
                  double own, double others, double share);
/* A record, and a line. */
void journal_warn(struct journal *journal, const char *text);
/* The run stands still for `rank` (0: for nobody in particular), at `file` ("": none) in a phase; or it goes on. */
void journal_stall(struct journal *journal, int rank, const char *host, const char *phase, const char *file,
                   double seconds, bool over);
/* rank 0 is the coordinator */
void journal_fault(struct journal *journal, int rank, const char *host, const char *what);
void journal_stop(struct journal *journal, const char *reason, int exit_code);

#endif
