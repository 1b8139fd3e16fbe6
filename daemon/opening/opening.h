/* The time before a run begins: rank 0 asks, all others answer, over MPI_COMM_WORLD. Every rank but 0 is in opening_serve
 * until rank 0 calls opening_end.
 */
#ifndef DAIL_DAEMON_OPENING_OPENING_H
#define DAIL_DAEMON_OPENING_OPENING_H

#include "proto/error.h"

/* What rank 0 decides and tells everybody before anything begins. */
struct opening {
    int status; /* enum status: other than STATUS_OK ends every rank */
    int text_size; /* of the resolved configuration */
};

/* --- Rank 0's --- */

/* Whether every rank sees the run's folder, by the nonce in its lock (proto/folder_lock.h). STATUS_USAGE names the rank
 * and host of the first that does not. */
enum status opening_check_folder(const char *run_dir, const char *nonce, struct error *error);

/* As checkpoint_verify reads every byte, but each of the other ranks a share of them; `context`: the run's folder, whose
 * log is touched meanwhile. STATUS_LOST where one rank cannot read what others can: that is not the checkpoint's fault. */
enum status opening_verify(void *context, const char *path, struct error *error);

/* Tells everybody, and ends the opening. */
void opening_end(const struct opening *opening);

/* --- The others' --- */

/* Answers until the opening ends. */
void opening_serve(struct opening *opening);

#endif
