/* The exchange over MPI: every collective is started as a nonblocking one and waited for with a test loop,
 * so that a rank never sits silent in a call that may not return. */
#ifndef DAIL_WORKER_EXCHANGE_EXCHANGE_MPI_H
#define DAIL_WORKER_EXCHANGE_EXCHANGE_MPI_H

#include "worker/exchange/exchange.h"

#include <mpi.h>

/* To be called before MPI_Init: chooses what Open MPI takes for its reductions, unless the environment does.
 */
void exchange_mpi_prepare(void);

/* `communicator` holds the workers alone; it is duplicated. Sets MPI_ERRORS_RETURN on MPI_COMM_WORLD too. The
 * caller calls operations->close before MPI_Finalize. */
enum status exchange_mpi_create(MPI_Comm communicator, struct exchange **exchange, struct error *error);

#endif
