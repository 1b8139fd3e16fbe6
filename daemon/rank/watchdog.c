#include "daemon/rank/watchdog_state.h"

#include "daemon/rank/host.h"
#include "daemon/rank/interface.h"
#include "daemon/rank/launcher.h"
#include "proto/clock.h"
#include "proto/message.h"
#include "proto/thread.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

/* Beats within liveness_seconds, and the longest time between two. */
#define HEARTBEATS 10
#define HEARTBEAT_SECONDS_MAX 1.0
#define TICK_MILLISECONDS 100
/* What one tick counts at most: the process may have been stopped in it. */
#define TICK_SECONDS_MAX 1.0
#define RECENT_SECONDS 5.0

/* --- Datagrams --- */

static void send_packet(struct watchdog *watchdog, enum watchdog_kind kind, bool answered,
                        const struct sockaddr_in *to)
{
    unsigned char bytes[WATCHDOG_PACKET_SIZE];
    struct watchdog_packet packet = {.kind = kind,
                                     .rank = (uint32_t)watchdog->rank,
                                     .answered = answered,
                                     .progress = atomic_load(&watchdog->progress),
                                     .sign = watchdog_own_sign(watchdog)};
    watchdog_packet_encode(&packet, watchdog->coordinator.nonce, bytes);
    /* One that is lost is one heartbeat of ten. */
    (void)sendto(watchdog->socket, bytes, sizeof bytes, MSG_DONTWAIT | MSG_NOSIGNAL,
                 (const struct sockaddr *)to, sizeof *to);
}

/* To where answers come from, or while none do, to every address that the coordinator has told. */
static void send_heartbeats(struct watchdog *watchdog, double interval)
{
    const struct watchdog_peer *coordinator = &watchdog->peer[0];
    const struct watchdog_address *told = &watchdog->coordinator;
    watchdog->sent_at = watchdog->awake;
    if (coordinator->heard) {
        send_packet(watchdog, WATCHDOG_HEARTBEAT, true, &coordinator->address);
        if (watchdog->awake - coordinator->heard_at < 2.5 * interval) {
            return;
        }
    }
    for (uint32_t i = 0; i < told->count; i++) {
        struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = told->port, .sin_addr = told->address[i]};
        send_packet(watchdog, WATCHDOG_HEARTBEAT, coordinator->heard, &to);
    }
}

static struct watchdog_peer *sender_of(struct watchdog *watchdog, const struct watchdog_packet *packet)
{
    if (watchdog->rank != 0) {
        return packet->kind != WATCHDOG_HEARTBEAT && packet->rank == 0 ? &watchdog->peer[0] : NULL;
    }
    return packet->kind == WATCHDOG_HEARTBEAT && packet->rank >= 1 &&
                   packet->rank <= (uint32_t)watchdog->peers
               ? &watchdog->peer[packet->rank - 1]
               : NULL;
}

static void hear(struct watchdog *watchdog, const struct watchdog_packet *packet,
                 const struct sockaddr_in *from)
{
    struct watchdog_peer *peer = sender_of(watchdog, packet);
    if (!peer) {
        return;
    }
    double now = watchdog->awake;
    if (!peer->heard || packet->progress != peer->last.progress) {
        peer->progress_at = now;
    }
    peer->heard = true;
    peer->heard_at = now;
    peer->address = *from;
    peer->last = *packet;
    if (packet->kind == WATCHDOG_HEARTBEAT) {
        send_packet(watchdog, WATCHDOG_ANSWER, true, from);
    } else if (packet->kind == WATCHDOG_PING) {
        send_packet(watchdog, WATCHDOG_HEARTBEAT, true, from);
    }
}

static void receive_all(struct watchdog *watchdog)
{
    unsigned char bytes[WATCHDOG_PACKET_SIZE + 1];
    struct sockaddr_in from;
    socklen_t size = sizeof from;
    ssize_t length;
    while ((length = recvfrom(watchdog->socket, bytes, sizeof bytes, MSG_DONTWAIT, (struct sockaddr *)&from,
                              &size)) >= 0) {
        struct watchdog_packet packet;
        if (size == sizeof from &&
            watchdog_packet_decode(bytes, (size_t)length, watchdog->coordinator.nonce, &packet)) {
            hear(watchdog, &packet, &from);
        }
        size = sizeof from;
    }
}

/* --- The thread --- */

static void tick(struct watchdog *watchdog)
{
    double interval = watchdog->liveness / HEARTBEATS;
    double now = clock_monotonic();
    double passed = now - watchdog->tick;
    interval = interval < HEARTBEAT_SECONDS_MAX ? interval : HEARTBEAT_SECONDS_MAX;
    watchdog->tick = now;
    pthread_mutex_lock(&watchdog->lock);
    watchdog->awake += passed < TICK_SECONDS_MAX ? passed : TICK_SECONDS_MAX;
    if (passed > watchdog->liveness / 2) {
        watchdog->lapse = passed;
        watchdog->lapse_at = watchdog->awake;
    }
    if (watchdog->socket >= 0) {
        receive_all(watchdog);
        if (watchdog->rank != 0 && watchdog->awake - watchdog->sent_at >= interval) {
            send_heartbeats(watchdog, interval);
        }
        if (watchdog->rank == 0 && atomic_exchange(&watchdog->ping, false)) {
            for (int p = 0; p < watchdog->peers; p++) {
                if (watchdog->peer[p].heard) {
                    send_packet(watchdog, WATCHDOG_PING, true, &watchdog->peer[p].address);
                }
            }
        }
    }
    watchdog_judge(watchdog);
    pthread_mutex_unlock(&watchdog->lock);
}

static void *watch(void *context)
{
    struct watchdog *watchdog = context;
    watchdog->tick = clock_monotonic();
    watchdog->sent_at = -HEARTBEAT_SECONDS_MAX;
    while (!atomic_load(&watchdog->closing)) {
        struct pollfd wait = {.fd = watchdog->socket, .events = POLLIN};
        tick(watchdog);
        poll(&wait, 1, TICK_MILLISECONDS);
    }
    return NULL;
}

/* --- Start and end --- */

/* Receives on every interface: which of them the workers can reach is theirs to find out. */
static int open_socket(uint16_t *port)
{
    struct sockaddr_in own = {.sin_family = AF_INET};
    socklen_t size = sizeof own;
    int descriptor = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (descriptor >= 0 && (bind(descriptor, (const struct sockaddr *)&own, sizeof own) != 0 ||
                            getsockname(descriptor, (struct sockaddr *)&own, &size) != 0)) {
        close(descriptor);
        descriptor = -1;
    }
    *port = descriptor >= 0 ? own.sin_port : 0;
    return descriptor;
}

static enum status create(int rank, int peers, double liveness, struct watchdog **watchdog,
                          struct error *error)
{
    struct watchdog *made = calloc(1, sizeof *made);
    *watchdog = NULL;
    if (made) {
        made->peer = calloc((size_t)peers, sizeof *made->peer);
    }
    if (!made || !made->peer) {
        free(made);
        return error_no_memory(error, "watchdog");
    }
    made->rank = rank;
    made->peers = peers;
    made->liveness = liveness;
    made->parent = getppid();
    made->socket = -1;
    gethostname(made->host, sizeof made->host - 1);
    pthread_mutex_init(&made->lock, NULL);
    pthread_mutex_init(&made->sign_lock, NULL);
    *watchdog = made;
    return STATUS_OK;
}

static enum status start(struct watchdog **watchdog, struct error *error)
{
    enum status status = thread_start(&(*watchdog)->thread, watch, *watchdog, "watchdog", error);
    if (status != STATUS_OK) {
        free((*watchdog)->peer);
        free(*watchdog);
        *watchdog = NULL;
    }
    return status;
}

/* This host's addresses that MPI would use, without those that exist on this host alone; were none left, all.
 */
static void tell_addresses(struct watchdog_address *address)
{
    struct message_hello hello = {0};
    const char *include = launcher_interfaces(true);
    const char *exclude = launcher_interfaces(false);
    host_describe(&hello);
    for (int strict = 1; strict >= 0 && address->count == 0; strict--) {
        struct interface interface;
        size_t at = 0;
        while (interface_next(hello.interfaces, &at, &interface)) {
            bool named = include && include[0] != '\0';
            bool fits = interface_picked(&interface, include, exclude) &&
                        (named || !interface_is_virtual(interface.name));
            if ((fits || !strict) && address->count < WATCHDOG_ADDRESSES_MAX &&
                inet_pton(AF_INET, interface.address, &address->address[address->count]) == 1) {
                address->count++;
            }
        }
    }
}

static void draw_nonce(unsigned char nonce[WATCHDOG_NONCE_SIZE])
{
    if (getrandom(nonce, WATCHDOG_NONCE_SIZE, 0) != WATCHDOG_NONCE_SIZE) {
        uint64_t instead[2] = {(uint64_t)getpid(), (uint64_t)(clock_monotonic() * 1e9)};
        memcpy(nonce, instead, WATCHDOG_NONCE_SIZE);
    }
}

enum status watchdog_create_coordinator(int workers, double liveness_seconds,
                                        struct watchdog_address *address, struct watchdog **watchdog,
                                        struct error *error)
{
    *address = (struct watchdog_address){0};
    enum status status = create(0, workers, liveness_seconds, watchdog, error);
    if (status != STATUS_OK) {
        return status;
    }
    draw_nonce(address->nonce);
    memcpy(address->host, (*watchdog)->host, sizeof address->host);
    tell_addresses(address);
    (*watchdog)->socket = open_socket(&address->port);
    (*watchdog)->coordinator = *address;
    return start(watchdog, error);
}

enum status watchdog_create_worker(int rank, double liveness_seconds, const struct watchdog_address *address,
                                   struct watchdog **watchdog, struct error *error)
{
    uint16_t port;
    enum status status = create(rank, 1, liveness_seconds, watchdog, error);
    if (status != STATUS_OK) {
        return status;
    }
    struct watchdog_address *coordinator = &(*watchdog)->coordinator;
    *coordinator = *address;
    if (strcmp(coordinator->host, (*watchdog)->host) == 0) {
        /* The same host, most likely: the loopback interface is never down. */
        memmove(coordinator->address + 1, coordinator->address,
                sizeof coordinator->address - sizeof *coordinator->address);
        coordinator->address[0].s_addr = htonl(INADDR_LOOPBACK);
        coordinator->count += coordinator->count < WATCHDOG_ADDRESSES_MAX;
    }
    if (coordinator->port != 0) {
        (*watchdog)->socket = open_socket(&port);
    }
    return start(watchdog, error);
}

void watchdog_progress(struct watchdog *watchdog, const struct message_heartbeat *sign)
{
    if (!watchdog) {
        return;
    }
    pthread_mutex_lock(&watchdog->sign_lock);
    watchdog->sign = *sign;
    pthread_mutex_unlock(&watchdog->sign_lock);
    atomic_fetch_add_explicit(&watchdog->progress, 1, memory_order_relaxed);
}

void watchdog_hear(struct watchdog *watchdog, int peer, const struct message_heartbeat *sign)
{
    if (!watchdog) {
        return;
    }
    pthread_mutex_lock(&watchdog->lock);
    watchdog->peer[peer].told = true;
    watchdog->peer[peer].told_at = watchdog->awake;
    watchdog->peer[peer].told_sign = *sign;
    pthread_mutex_unlock(&watchdog->lock);
}

void watchdog_listen(struct watchdog *watchdog)
{
    if (watchdog) {
        pthread_mutex_lock(&watchdog->lock);
        watchdog->looked_at = watchdog->awake;
        pthread_mutex_unlock(&watchdog->lock);
    }
}

void watchdog_ending(struct watchdog *watchdog, int code)
{
    if (watchdog) {
        atomic_store(&watchdog->ending_code, code);
        atomic_store(&watchdog->ending, true);
    }
}

void watchdog_close(struct watchdog *watchdog)
{
    if (!watchdog) {
        return;
    }
    atomic_store(&watchdog->closing, true);
    pthread_join(watchdog->thread, NULL);
    if (watchdog->socket >= 0) {
        close(watchdog->socket);
    }
    pthread_mutex_destroy(&watchdog->lock);
    pthread_mutex_destroy(&watchdog->sign_lock);
    free(watchdog->peer);
    free(watchdog);
}

void watchdog_look(struct watchdog *watchdog, int worker, struct watchdog_heartbeat *heartbeat)
{
    *heartbeat = (struct watchdog_heartbeat){0};
    if (!watchdog) {
        return;
    }
    pthread_mutex_lock(&watchdog->lock);
    const struct watchdog_peer *peer = &watchdog->peer[worker];
    heartbeat->sign = *watchdog_newest_sign(peer);
    if (peer->heard) {
        heartbeat->heard = true;
        heartbeat->answered = peer->last.answered != 0;
        heartbeat->silent = watchdog->awake - peer->heard_at;
        heartbeat->stuck = watchdog->awake - peer->progress_at;
    }
    pthread_mutex_unlock(&watchdog->lock);
}

double watchdog_lapse(struct watchdog *watchdog)
{
    if (!watchdog) {
        return 0;
    }
    pthread_mutex_lock(&watchdog->lock);
    double lapse = watchdog->awake - watchdog->lapse_at < RECENT_SECONDS ? watchdog->lapse : 0;
    pthread_mutex_unlock(&watchdog->lock);
    return lapse;
}

void watchdog_ping(struct watchdog *watchdog)
{
    if (watchdog) {
        atomic_store(&watchdog->ping, true);
    }
}

bool watchdog_orphaned(struct watchdog *watchdog)
{
    return watchdog && atomic_load(&watchdog->orphaned);
}
