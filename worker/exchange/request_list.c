#include "worker/exchange/request_list.h"

#include <stdlib.h>

enum status request_list_reserve(struct request_list *list, struct error *error)
{
    if (list->count < list->capacity) {
        return STATUS_OK;
    }
    int capacity = list->capacity ? 2 * list->capacity : 64;
    MPI_Request *request = realloc(list->request, (size_t)capacity * sizeof *request);
    if (request) {
        list->request = request;
    }
    int *completed = realloc(list->completed, (size_t)capacity * sizeof *completed);
    if (completed) {
        list->completed = completed;
    }
    MPI_Status *status = realloc(list->status, (size_t)capacity * sizeof *status);
    if (status) {
        list->status = status;
    }
    if (!request || !completed || !status) {
        return error_no_memory(error, "exchange");
    }
    list->capacity = capacity;
    return STATUS_OK;
}

void request_list_free(struct request_list *list)
{
    free(list->request);
    free(list->completed);
    free(list->status);
}

void request_list_compact(struct request_list *list)
{
    int kept = 0;
    for (int i = 0; i < list->count; i++) {
        if (list->request[i] != MPI_REQUEST_NULL) {
            list->request[kept++] = list->request[i];
        }
    }
    list->count = kept;
}
