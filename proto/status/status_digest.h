/* What a rotated status log begins with: copies of what was recorded before, few enough to be read at each start, and
 * whole enough that who reads them alone sees the run from its beginning. A copy keeps its t and seq. */
#ifndef DAIL_PROTO_STATUS_STATUS_DIGEST_H
#define DAIL_PROTO_STATUS_STATUS_DIGEST_H

#include "proto/error.h"

#include <stddef.h>

/* The lines of an open log, which may begin with a digest itself, in *text[*size], which the caller frees; *size is at
 * most `budget`, unless the newest records alone take more. They are, in their order: records of steps, evaluations and
 * checkpoints evenly spread over the steps, the newest of these and of all other kinds, and the first start; the lists of workers and
 * datasets in the newest start and step alone. What a start that goes on from a step before has replaced is left out.
 * STATUS_INTERNAL without memory. */
enum status status_digest_make(int descriptor, size_t budget, char **text, size_t *size, struct error *error);

#endif
