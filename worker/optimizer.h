/* SGD as PyTorch's: v = m v + (g + wd w); w -= lr v. Clipping by the global norm; learning rate schedules. */
#ifndef DAIL_WORKER_OPTIMIZER_H
#define DAIL_WORKER_OPTIMIZER_H

#include "proto/config/config.h"
#include "worker/parameter/parameter.h"

#include <stddef.h>
#include <stdint.h>

struct optimizer_update {
    double scale; /* multiplies the gradient first (clipping) */
    double lr, momentum, weight_decay;
};

/* Updates a group's weights and momenta in place: of a group with `drawn` those rows alone. The first step's momentum is the gradient itself, as
 * PyTorch's: the vectors start at zero. */
void optimizer_step(const struct parameter_group *group, const struct optimizer_update *update, int threads);

/* Sum of squares in double, in a fixed order whatever the number of threads. */
double optimizer_square_sum(const float *values, size_t count, int threads);

/* Learning rate of step `step` (from 0) of `steps`: linear warm-up from lr/warmup_steps to lr over
 * warmup_steps, then over the fraction q of what is left: poly lr (1 - q)^power; cosine lr (1 + cos(pi q)) / 2;
 * step lr 0.1^(milestones passed by step / steps). */
double optimizer_learning_rate(const struct config *config, int64_t step, int64_t steps,
                               int64_t steps_per_epoch);

#endif
