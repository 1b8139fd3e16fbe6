/* For the programs that run under mpirun: a check that fails says where and ends all ranks. */
#ifndef DAIL_TESTS_MPI_CHECK_H
#define DAIL_TESTS_MPI_CHECK_H

#include <mpi.h>
#include <stdio.h>

#define CHECK(condition)                                                                                     \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            int check_rank = -1;                                                                             \
            MPI_Comm_rank(MPI_COMM_WORLD, &check_rank);                                                      \
            fprintf(stderr, "%s:%d: rank %d: not so: %s\n", __FILE__, __LINE__, check_rank, #condition);     \
            MPI_Abort(MPI_COMM_WORLD, 1);                                                                    \
        }                                                                                                    \
    } while (0)

#endif
