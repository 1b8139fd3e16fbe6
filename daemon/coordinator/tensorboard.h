/* What TensorBoard shows of a status record: which of its numbers, under which tags.
 */
#ifndef DAIL_DAEMON_COORDINATOR_TENSORBOARD_H
#define DAIL_DAEMON_COORDINATOR_TENSORBOARD_H

#include "proto/event_log.h"

#include <jansson.h>

#define TENSORBOARD_SCALARS_MAX 24

/* Fills `scalars` from a record's fields and returns how many there are; 0 for kinds without curves.
 * - step: train/<field>, speed/images_per_second, speed/eta_seconds and speed/seconds_<part>, the workers'
 *   mean;
 * - eval: eval/<set>/<field>, eval/<set>/tar_at_far_<far>;
 * - checkpoint: checkpoint/<field>.
 *
 * A number that was not finite, null in the record, is NaN. *step: the record's. */
size_t tensorboard_scalars(const char *kind, const json_t *fields, int64_t *step,
                           struct event_scalar scalars[TENSORBOARD_SCALARS_MAX]);

#endif
