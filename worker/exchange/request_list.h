/* Requests of MPI that are under way together, and what a test of them writes. */
#ifndef DAIL_WORKER_EXCHANGE_REQUEST_LIST_H
#define DAIL_WORKER_EXCHANGE_REQUEST_LIST_H

#include "proto/error.h"

#include <mpi.h>

struct request_list {
    MPI_Request *request;
    int *completed; /* scratch of MPI_Testsome */
    MPI_Status *status; /* never read: gcc takes MPICH 4's MPI_STATUSES_IGNORE for an array without room */
    int count, capacity;
};

/* Room for one more request. {0} is an empty list. */
enum status request_list_reserve(struct request_list *list, struct error *error);

/* Forgets the completed ones, so that later tests are short. */
void request_list_compact(struct request_list *list);

void request_list_free(struct request_list *list);

#endif
