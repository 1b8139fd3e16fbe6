/* Traces a step as the trainer goes through it (trace.h has the file). Private to worker/. */
#ifndef DAIL_WORKER_TRAINER_TRACE_H
#define DAIL_WORKER_TRAINER_TRACE_H

#include "worker/trace.h"
#include "worker/trainer.h"

struct step_trace {
    struct trace *trace;
    uint32_t *crossing; /* [crossing_max][3], scratch */
    size_t crossing_max;
    bool failed;
};

/* Writes the step's attributes and the state before it. */
enum status step_trace_begin(struct step_trace *trace, struct trainer *trainer, int64_t step, double lambda,
                             double lr, struct error *error);

/* Writes one lane's micro-batch, after its losses; `round` counts this worker's lanes. */
enum status step_trace_round(struct step_trace *trace, struct trainer *trainer, int round,
                             const struct micro_batch *batch, struct error *error);

/* Writes the exchanged gradients and the losses. */
enum status step_trace_gradient(struct step_trace *trace, struct trainer *trainer,
                                const struct step_result *result, struct error *error);

/* Writes the state after the update. */
enum status step_trace_after(struct step_trace *trace, struct trainer *trainer, struct error *error);

/* Completes the file, or removes it where `status` or an earlier call says that it is not whole. Returns the
 * status to go on with. */
enum status step_trace_end(struct step_trace *trace, enum status status, struct error *error);

#endif
