/* What the launcher (mpirun, srun, mpiexec) tells a process before it has started MPI. */
#ifndef DAIL_DAEMON_RANK_LAUNCHER_H
#define DAIL_DAEMON_RANK_LAUNCHER_H

#include <stdbool.h>

/* Whether this process is rank 0, or was started by no launcher that says another. */
bool launcher_is_first(void);

#endif
