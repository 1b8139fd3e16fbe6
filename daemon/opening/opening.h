/* The time before a run begins: rank 0 asks, all others answer, over MPI_COMM_WORLD. Every rank but 0 is in opening_serve
 * until rank 0 calls opening_end.
 */
#ifndef DAIL_DAEMON_OPENING_OPENING_H
#define DAIL_DAEMON_OPENING_OPENING_H

#include "proto/error.h"

#include <stdbool.h>

/* What rank 0 decides and tells everybody before anything begins. */
struct opening {
    int status; /* enum status: other than STATUS_OK ends every rank */
    int text_size; /* of the resolved configuration */
};

/* --- Rank 0's --- */

/* How it waits for the others: as long as any of them gets on, the run's log is touched, for a supervisor to see; where
 * none does for `patience` seconds the call ends with STATUS_LOST, which names who is waited for, and `stuck`: then nothing
 * of this can be called any more, and MPI only be aborted. */
struct opening_desk {
    const char *run_dir;
    double patience;
    bool stuck;
};

/* Whether every rank sees the run's folder, by the nonce in its lock (proto/folder_lock.h). STATUS_USAGE names the rank
 * and host of the first that does not. */
enum status opening_check_folder(struct opening_desk *desk, const char *nonce, struct error *error);

/* As checkpoint_verify reads every byte, but each of the other ranks a share of them; `context`: the desk. STATUS_LOST
 * where one rank cannot read what others can: that is not the checkpoint's fault. */
enum status opening_verify(void *context, const char *path, struct error *error);

/* Tells everybody, and ends the opening. */
void opening_end(const struct opening *opening);

/* --- The others' --- */

/* Answers until the opening ends. */
void opening_serve(struct opening *opening);

#endif
