/* The watchdog's state, which its thread and its judgement share. Private to the watchdog. */
#ifndef DAIL_DAEMON_RANK_WATCHDOG_STATE_H
#define DAIL_DAEMON_RANK_WATCHDOG_STATE_H

#include "daemon/rank/watchdog.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

/* What was last heard of a peer, in seconds that this process was awake. */
struct watchdog_peer {
    bool heard;
    struct sockaddr_in address; /* where its last datagram came from */
    struct watchdog_packet last;
    double heard_at, progress_at;
    bool told; /* over MPI */
    double told_at;
    struct message_heartbeat told_sign;
};

struct watchdog {
    int rank;
    double liveness;
    char host[128];
    struct watchdog_address coordinator;
    int socket; /* -1: none */
    pid_t parent;
    pthread_t thread;

    _Atomic uint64_t progress; /* of the main thread */
    atomic_bool closing, ending, orphaned, ping;
    atomic_int ending_code;

    pthread_mutex_t sign_lock; /* held for moments, so that the main thread never waits */
    struct message_heartbeat sign;

    pthread_mutex_t lock; /* of what follows */
    double awake;
    double looked_at; /* when the main thread last looked for messages */
    double lapse, lapse_at; /* the last tick that took long, and when it ended */
    struct watchdog_peer *peer; /* [peers]: the workers; a worker's only one is the coordinator */
    int peers;

    /* Of the thread alone. */
    double tick, sent_at, ending_at, orphaned_at;
    uint64_t own_progress; /* and since when it stands there */
    double own_progress_at;
    bool own_told;
};

/* What the main thread is at. */
struct message_heartbeat watchdog_own_sign(struct watchdog *watchdog);
/* What a peer is at, by datagram or by message, whichever is newer. */
const struct message_heartbeat *watchdog_newest_sign(const struct watchdog_peer *peer);

/* Ends this process where that is due (watchdog.h). Called by the thread, with the lock held. */
void watchdog_judge(struct watchdog *watchdog);

#endif
