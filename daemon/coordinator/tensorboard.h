/* What TensorBoard shows of a status record: which of its numbers, under which tags.
 */
#ifndef DAIL_DAEMON_COORDINATOR_TENSORBOARD_H
#define DAIL_DAEMON_COORDINATOR_TENSORBOARD_H

#include "proto/event_log.h"
#include "proto/status/status_record.h"

#define TENSORBOARD_SCALARS_MAX 24

/* Fills `scalars` from what status_table.def has a tag for, and returns how many there are; 0 for kinds without
 * curves. A number that was not finite is NaN. *step: the record's. */
size_t tensorboard_scalars(const struct status_record *record, int64_t *step,
                           struct event_scalar scalars[TENSORBOARD_SCALARS_MAX]);

#endif
