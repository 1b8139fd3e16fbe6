/* Compiled into the exchange on simulated workers. What it keeps of messages under way is one piece of memory for all of
 * them, since a thousand workers' would be more than a machine has. SimGrid 3.32 knows no MPI_Comm_idup; and a wait that
 * polls without pause would make the simulation one of pollings.
 */
#ifndef DAIL_TESTS_SIMULATION_SCRATCH_H
#define DAIL_TESTS_SIMULATION_SCRATCH_H

#include <sched.h>
#include <smpi/smpi.h>
#include <stdlib.h>

static inline void *scratch_grow(void *old, size_t bytes)
{
    if (bytes < 65536) {
        return realloc(old, bytes);
    }
    return SMPI_SHARED_MALLOC(bytes);
}

static inline int scratch_duplicate(MPI_Comm from, MPI_Comm *to, MPI_Request *request)
{
    *request = MPI_REQUEST_NULL;
    return MPI_Comm_dup(from, to);
}

static inline int scratch_yield(void)
{
    return smpi_usleep(20);
}

#undef MPI_Comm_idup
#define MPI_Comm_idup scratch_duplicate
#undef realloc
#define realloc scratch_grow
#define sched_yield scratch_yield

#endif
