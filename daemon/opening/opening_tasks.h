/* What a rank does to answer rank 0. No MPI. */
#ifndef DAIL_DAEMON_OPENING_OPENING_TASKS_H
#define DAIL_DAEMON_OPENING_OPENING_TASKS_H

#include "worker/checkpoint/checkpoint_verify.h"

#include <stdint.h>

/* Whether the folder's lock has this nonce. A network file system may show a new file late: it is looked for again for
 * `patience` seconds. STATUS_USAGE says what is there instead. */
enum status opening_see_folder(const char *run_dir, const char *nonce, double patience, struct error *error);

/* Sums up the pieces of worker `worker` (from 0) of `workers`: neighbours, so that they are read in one go. Those of
 * others in crc [pieces of the listing] are left alone. `progress` is called as bytes come. */
enum status opening_sum_share(const char *path, const struct checkpoint_listing *listing, int worker,
                              int workers, uint32_t *crc, const struct checkpoint_progress *progress,
                              struct error *error);

#endif
