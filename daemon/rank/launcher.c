#include "daemon/rank/launcher.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

bool launcher_is_first(void)
{
    /* Open MPI; PMIx, as Slurm and Open MPI 5 have it; MPICH and Intel MPI; Slurm without either. */
    static const char *const names[] = {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "SLURM_PROCID"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *rank = getenv(names[i]);
        if (rank) {
            return strcmp(rank, "0") == 0;
        }
    }
    return true;
}
