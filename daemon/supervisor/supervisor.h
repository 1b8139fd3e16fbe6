/* The supervisor of `dail run`: starts mpirun, waits for the run's end, and starts it again from its newest
 * checkpoint as long as that can help.
 *
 * A run is started again when a rank or a host was lost (5), and when mpirun or a rank died of a signal or of an error
 * of its own (1, 128 and more), also where the ranks took mpirun's death for a request to stop. It is not started
 * again when it is done (0), when it would only fail again (2, 3, 4), when its storage does not take what it writes
 * (6): that needs somebody to make room, or when it stopped on request (75), whoever asked and whichever rank.
 */
#ifndef DAIL_DAEMON_SUPERVISOR_SUPERVISOR_H
#define DAIL_DAEMON_SUPERVISOR_SUPERVISOR_H

#include "daemon/supervisor/host_list.h"
#include "proto/error.h"

#include <stddef.h>

struct supervisor_options {
    const char *daild; /* the program's path, the same on every host */
    const char *config;
    const char *const *overrides; /* [override_count] of --set */
    size_t override_count;
    const char *const *mpirun; /* [mpirun_count]: further options of mpirun */
    size_t mpirun_count;
    int workers; /* 0: as many as there are slots */
    int at_least; /* with fewer it ends rather than going on */
    int restarts; /* in a row without a new checkpoint */
    double liveness_seconds;
    const char *run_dir;
    int lanes; /* of the run; 0: not yet fixed */
    bool lanes_open; /* the configuration leaves them to the run's first start */
    bool resume_auto; /* checkpoint.resume is auto */
};

/* Supervises to the end. *code is what `dail run` exits with: the run's own exit code. A failure is one of
 * starting anything at all. `hosts` is kept up to date. */
enum status supervisor_run(const struct supervisor_options *options, struct host_list *hosts, int *code,
                           struct error *error);

#endif
