/* The watchdog: a thread in every rank that makes no MPI call, so that a rank whose main thread sits in a
 * collective for ever is still watched over. Workers send datagrams to the coordinator, about one a second or
 * ten within liveness_seconds, and each is answered; they tell what the main thread is at, and a count that only the
 * main thread advances. What comes over MPI instead is told by watchdog_hear: so both ways count, whichever is open.
 *
 * The coordinator's main thread looks at what has been heard and judges (coordinator.h). A worker's watchdog
 * judges by itself and ends its process with STATUS_LOST and one line: when the coordinator was heard once
 * and then falls silent, when the coordinator's main thread hangs, and when mpirun, or its daemon on this
 * host, has died. Where nothing ever comes through nothing is judged by it: a healthy run goes on. The coordinator's
 * judges its own main thread, which only the file system can keep so long.
 *
 * Silence is counted in time during which the judge itself was awake: a stopped process that goes on must
 * first hear what it has missed.
 */
#ifndef DAIL_DAEMON_RANK_WATCHDOG_H
#define DAIL_DAEMON_RANK_WATCHDOG_H

#include "daemon/rank/watchdog_packet.h"
#include "proto/error.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#define WATCHDOG_ADDRESSES_MAX 16

/* Where the coordinator listens: sent to every worker over MPI. */
struct watchdog_address {
    unsigned char nonce[WATCHDOG_NONCE_SIZE];
    char host[128];
    uint32_t count;
    struct in_addr address[WATCHDOG_ADDRESSES_MAX];
    uint16_t port; /* in network order; 0: datagrams cannot be received */
};

struct watchdog;

/* What the coordinator's watchdog has heard of a worker. Seconds since... */
struct watchdog_heartbeat {
    bool heard; /* anything at all; else the rest is 0 */
    bool answered; /* the worker hears the coordinator too */
    double silent; /* its last datagram */
    double stuck; /* its main thread's last heartbeat */
    struct message_heartbeat sign; /* the newest, by datagram or message */
};

/* Starts the coordinator's watchdog and fills *address. Without a socket it watches less. */
enum status watchdog_create_coordinator(int workers, double liveness_seconds,
                                        struct watchdog_address *address, struct watchdog **watchdog,
                                        struct error *error);

/* Starts the watchdog of a worker. */
enum status watchdog_create_worker(int rank, double liveness_seconds, const struct watchdog_address *address,
                                   struct watchdog **watchdog, struct error *error);

/* A heartbeat of the main thread, and what it is at; cheap. NULL is allowed. */
void watchdog_progress(struct watchdog *watchdog, const struct message_heartbeat *sign);

/* A heartbeat of a peer has come over MPI: `peer` is a worker, from 0, or for a worker 0, the coordinator. */
void watchdog_hear(struct watchdog *watchdog, int peer, const struct message_heartbeat *sign);

/* The main thread has looked for messages: what has not come by now has not been sent. */
void watchdog_listen(struct watchdog *watchdog);

/* The run is over: nobody is judged any more, but this process ends with `code` if it has not within
 * liveness_seconds and some. NULL is allowed. */
void watchdog_ending(struct watchdog *watchdog, int code);

/* Stops the thread. */
void watchdog_close(struct watchdog *watchdog);

/* --- The coordinator's: `worker` counts from 0, NULL has heard nothing --- */

void watchdog_look(struct watchdog *watchdog, int worker, struct watchdog_heartbeat *heartbeat);

/* Asks every worker for a heartbeat at once. */
void watchdog_ping(struct watchdog *watchdog);

/* For how long this process did not run at all, where that was longer than liveness_seconds and has just
 * ended; else 0. */
double watchdog_lapse(struct watchdog *watchdog);

/* Has mpirun, or its daemon on this host, died? */
bool watchdog_orphaned(struct watchdog *watchdog);

#endif
