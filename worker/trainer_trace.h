/* Traces a step as the trainer goes through it (trace.h has the file). Private to worker/. A trace that cannot be
 * written is given up, and the step goes on: step_trace_end tells why. */
#ifndef DAIL_WORKER_TRAINER_TRACE_H
#define DAIL_WORKER_TRAINER_TRACE_H

#include "worker/trace.h"
#include "worker/trainer.h"

struct step_trace {
    struct trace *trace; /* NULL: given up */
    struct error error; /* why */
    uint32_t *crossing; /* [crossing_max][3], scratch */
    size_t crossing_max;
};

/* Writes the step's attributes and the state before it. */
void step_trace_begin(struct step_trace *trace, struct trainer *trainer, int64_t step, double lambda,
                      double lr);

/* Writes one lane's micro-batch, after its losses; NULL where this worker sits the round out. */
void step_trace_round(struct step_trace *trace, struct trainer *trainer, int round,
                      const struct micro_batch *batch);

/* Writes the exchanged gradients and the losses. */
void step_trace_gradient(struct step_trace *trace, struct trainer *trainer, const struct step_result *result);

/* Writes the state after the update. */
void step_trace_after(struct step_trace *trace, struct trainer *trainer);

/* Completes the file, or removes it where the step is not `whole`. The status is the trace's alone. */
enum status step_trace_end(struct step_trace *trace, bool whole, struct error *error);

#endif
