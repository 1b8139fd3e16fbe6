/* What a worker is handed: its configuration, the exchange among the workers, and the way to the coordinator. */
#ifndef DAIL_WORKER_WORKER_CONTEXT_H
#define DAIL_WORKER_WORKER_CONTEXT_H

#include "proto/config/config.h"
#include "proto/message.h"
#include "worker/exchange/exchange.h"

#include <signal.h>
#include <stdbool.h>

/* The way to the coordinator. Neither call blocks for long. */
struct worker_link {
    void *context;
    enum status (*send)(void *context, const struct message *message, struct error *error);
    /* true: *message is filled (the worker calls message_free). */
    bool (*receive)(void *context, struct message *message);
};

struct worker_context {
    const struct config *config;
    struct exchange *exchange;
    struct worker_link link;
    const volatile sig_atomic_t *stop_signal; /* nonzero: this rank was asked to stop */
    /* Told what the worker is at, from between layers and from every wait; cheap. */
    void (*progress)(void *context, const struct message_heartbeat *sign);
    /* The coordinator's heartbeat has come; NULL: messages were looked for, and all that have come are taken. */
    void (*heard)(void *context, const struct message_heartbeat *sign);
    void *watch; /* the context of both; both may be NULL */
    int threads;
    struct message_hello hello; /* what is known of this rank's place; the worker adds what it measures */
};

#endif
