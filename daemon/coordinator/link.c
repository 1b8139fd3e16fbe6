#include "daemon/coordinator/link.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LINK_TAG 1

struct link_sending {
    struct link_sending *next;
    MPI_Request request;
    unsigned char *bytes;
};

void link_open(struct link *link, MPI_Comm communicator)
{
    *link = (struct link){.communicator = communicator};
    MPI_Comm_set_errhandler(communicator, MPI_ERRORS_RETURN);
}

/* Lets go of what has been sent. */
static void complete_sends(struct link *link)
{
    struct link_sending **place = &link->sending;
    while (*place) {
        struct link_sending *sending = *place;
        int done = 0;
        if (MPI_Test(&sending->request, &done, MPI_STATUS_IGNORE) == MPI_SUCCESS && !done) {
            place = &sending->next;
            continue;
        }
        *place = sending->next;
        free(sending->bytes);
        free(sending);
    }
}

static enum status link_send(struct link *link, int rank, const struct message *message, struct error *error)
{
    struct link_sending *sending = calloc(1, sizeof *sending);
    if (!sending) {
        return error_no_memory(error, "control link");
    }
    size_t size;
    enum status status = message_encode(message, &sending->bytes, &size, error);
    if (status != STATUS_OK) {
        free(sending);
        return status;
    }
    complete_sends(link);
    if (MPI_Isend(sending->bytes, (int)size, MPI_BYTE, rank, LINK_TAG, link->communicator,
                  &sending->request) != MPI_SUCCESS) {
        free(sending->bytes);
        free(sending);
        return error_set(error, STATUS_LOST, "control link", NULL, "could not send to rank %d", rank);
    }
    sending->next = link->sending;
    link->sending = sending;
    return STATUS_OK;
}

/* Takes one message from any rank if one is there: *rank is then its sender, else -1. */
static enum status link_receive(struct link *link, int *rank, struct message *message, struct error *error)
{
    MPI_Status envelope;
    int there = 0, size = 0;
    *rank = -1;
    complete_sends(link);
    if (MPI_Iprobe(MPI_ANY_SOURCE, LINK_TAG, link->communicator, &there, &envelope) != MPI_SUCCESS) {
        return error_set(error, STATUS_LOST, "control link", NULL, "could not look for messages");
    }
    if (!there) {
        return STATUS_OK;
    }
    MPI_Get_count(&envelope, MPI_BYTE, &size);
    unsigned char *bytes = malloc(size > 0 ? (size_t)size : 1);
    if (!bytes) {
        return error_no_memory(error, "control link");
    }
    *rank = envelope.MPI_SOURCE;
    enum status status = STATUS_OK;
    if (MPI_Recv(bytes, size, MPI_BYTE, *rank, LINK_TAG, link->communicator, MPI_STATUS_IGNORE) !=
        MPI_SUCCESS) {
        status = error_set(error, STATUS_LOST, "control link", NULL, "could not receive from rank %d", *rank);
    }
    if (status == STATUS_OK) {
        status = message_decode(bytes, (size_t)size, message, error);
    }
    free(bytes);
    return status;
}

void link_close(struct link *link, double seconds)
{
    for (double waited = 0; link->sending && waited < seconds; waited += 0.001) {
        complete_sends(link);
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    while (link->sending) {
        struct link_sending *sending = link->sending;
        link->sending = sending->next;
        /* MPI may still read the bytes of a send that never completes: they are left to the process's end. */
        MPI_Request_free(&sending->request);
        free(sending);
    }
}

static enum status coordinator_send(void *context, int worker, const struct message *message,
                                    struct error *error)
{
    return link_send(context, worker + 1, message, error);
}

static enum status coordinator_receive(void *context, int *worker, struct message *message,
                                       struct error *error)
{
    int rank;
    enum status status = link_receive(context, &rank, message, error);
    *worker = rank > 0 ? rank - 1 : -1;
    return status;
}

struct coordinator_link link_for_coordinator(struct link *link, int workers)
{
    return (struct coordinator_link){
        .context = link, .workers = workers, .send = coordinator_send, .receive = coordinator_receive};
}

static enum status worker_send(void *context, const struct message *message, struct error *error)
{
    return link_send(context, 0, message, error);
}

static bool worker_receive(void *context, struct message *message)
{
    int rank;
    struct error error;
    if (link_receive(context, &rank, message, &error) != STATUS_OK) {
        /* A message of no kind: the worker refuses it and ends the run. */
        *message = (struct message){0};
        return true;
    }
    return rank >= 0;
}

struct worker_link link_for_worker(struct link *link)
{
    return (struct worker_link){.context = link, .send = worker_send, .receive = worker_receive};
}
