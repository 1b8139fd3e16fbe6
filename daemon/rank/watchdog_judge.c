#include "daemon/rank/signals.h"
#include "daemon/rank/stray_daemon.h"
#include "daemon/rank/watchdog_state.h"

#include <math.h>
#include <stdio.h>
#include <unistd.h>

/* A coordinator whose main thread hangs may only be writing to slow storage. */
#define COORDINATOR_PATIENCE 10
#define STOP_PATIENCE 3 /* where the run was asked to stop */
/* Workers end one after the other, so that the first one's line is the only one: once it is gone mpirun ends
 * the others within a second. */
#define STAGGER_SECONDS 1.5
#define STAGGER_RANKS 2
#define ENDING_SECONDS 10.0
/* A coordinator that mpirun has left is ended by its main thread, or else after so long. */
#define ORPHAN_SECONDS 15.0

static const char *const go_on = "start the run again: it goes on from its newest checkpoint";

struct message_heartbeat watchdog_own_sign(struct watchdog *watchdog)
{
    pthread_mutex_lock(&watchdog->sign_lock);
    struct message_heartbeat sign = watchdog->sign;
    pthread_mutex_unlock(&watchdog->sign_lock);
    return sign;
}

const struct message_heartbeat *watchdog_newest_sign(const struct watchdog_peer *peer)
{
    bool told = peer->told && (!peer->heard || peer->told_at > peer->heard_at);
    return told ? &peer->told_sign : &peer->last.sign;
}

_Noreturn static void end_process(const struct error *error)
{
    char line[ERROR_LINE_SIZE], whole[ERROR_LINE_SIZE + 16];
    int length = snprintf(whole, sizeof whole, "daild: %s\n", error_format(error, line, sizeof line));
    if (write(STDERR_FILENO, whole, (size_t)length) < 0) {
        _exit((int)error->status); /* nobody is left to read it */
    }
    _exit((int)error->status);
}

static double smaller(double a, double b)
{
    return a < b ? a : b;
}

/* "rank 2@node17, in step 12 (data of data/a-00003.h5)" */
static void name_place(struct watchdog *watchdog, char *text, size_t size)
{
    struct message_heartbeat sign = watchdog_own_sign(watchdog);
    snprintf(text, size, "rank %d@%s, in step %lld (%s%s%s)", watchdog->rank, watchdog->host,
             (long long)sign.step, message_phase_name(sign.phase), sign.file[0] != '\0' ? ": " : "",
             sign.file);
}

static void judge_coordinator(struct watchdog *watchdog)
{
    const struct watchdog_peer *coordinator = &watchdog->peer[0];
    int place = watchdog->rank - 1 < STAGGER_RANKS ? watchdog->rank - 1 : STAGGER_RANKS;
    double allowed = watchdog->liveness + STAGGER_SECONDS * place;
    /* Messages are the main thread's to take: while it takes none nobody is silent. */
    double told = coordinator->told ? watchdog->looked_at - coordinator->told_at : INFINITY;
    double silent = smaller(told, coordinator->heard ? watchdog->awake - coordinator->heard_at : INFINITY);
    double stuck = smaller(told, coordinator->heard ? watchdog->awake - coordinator->progress_at : INFINITY);
    /* It judges its own main thread first. */
    double patience = COORDINATOR_PATIENCE * (allowed + STAGGER_SECONDS);
    char where[512];
    struct error error;
    if ((!coordinator->heard && !coordinator->told) || (silent <= allowed && stuck <= patience)) {
        return;
    }
    const struct message_heartbeat *sign = watchdog_newest_sign(coordinator);
    name_place(watchdog, where, sizeof where);
    if (silent > allowed) {
        error_set(&error, STATUS_LOST, where, go_on,
                  "the coordinator (rank 0@%s) is lost, or this host is cut off: nothing heard for %.0f s, "
                  "last after step %lld",
                  watchdog->coordinator.host, silent, (long long)sign->step);
    } else {
        error_set(&error, STATUS_LOST, where, go_on,
                  "the coordinator (rank 0@%s) hangs: no progress for %.0f s, last after step %lld%s%s",
                  watchdog->coordinator.host, stuck, (long long)sign->step,
                  sign->file[0] != '\0' ? " at " : "", sign->file);
    }
    stray_daemon_end_later();
    end_process(&error);
}

/* The coordinator's main thread waits for nobody but the file system. Where that does not answer the logs may not
 * either: what is said goes to stderr. */
static void judge_self(struct watchdog *watchdog)
{
    uint64_t progress = atomic_load(&watchdog->progress);
    char where[512];
    struct error error;
    if (progress != watchdog->own_progress || progress == 0) {
        watchdog->own_progress = progress;
        watchdog->own_progress_at = watchdog->awake;
        watchdog->own_told = false;
        return;
    }
    double stuck = watchdog->awake - watchdog->own_progress_at;
    if (stuck <= watchdog->liveness) {
        return;
    }
    name_place(watchdog, where, sizeof where);
    double patience = *signals_stop() ? STOP_PATIENCE : COORDINATOR_PATIENCE;
    if (stuck > patience * watchdog->liveness) {
        error_set(&error, STATUS_LOST, where, "see whether the file system answers, then start the run again",
                  "the coordinator hangs: no progress for %.0f s", stuck);
        end_process(&error);
    }
    if (!watchdog->own_told) {
        watchdog->own_told = true;
        dprintf(STDERR_FILENO, "daild: warning: the coordinator stands still for %.0f s: %s\n", stuck, where);
    }
}

/* The parent is mpirun or its daemon. When it dies its children are handed on to another process. */
static void judge_parent(struct watchdog *watchdog)
{
    if (getppid() == watchdog->parent) {
        return;
    }
    if (!atomic_exchange(&watchdog->orphaned, true)) {
        watchdog->orphaned_at = watchdog->awake;
    }
    if (watchdog->rank == 0 && watchdog->awake - watchdog->orphaned_at < ORPHAN_SECONDS) {
        return; /* the main thread is to write it down */
    }
    char where[192];
    struct error error;
    snprintf(where, sizeof where, "rank %d@%s", watchdog->rank, watchdog->host);
    error_set(&error, STATUS_LOST, where, go_on, "mpirun, or its daemon on this host, has died");
    end_process(&error);
}

void watchdog_judge(struct watchdog *watchdog)
{
    if (atomic_load(&watchdog->ending)) {
        if (watchdog->ending_at == 0) {
            watchdog->ending_at = watchdog->awake;
        }
        if (watchdog->awake - watchdog->ending_at > watchdog->liveness + ENDING_SECONDS) {
            _exit(atomic_load(&watchdog->ending_code));
        }
        return;
    }
    judge_parent(watchdog);
    if (watchdog->rank != 0) {
        judge_coordinator(watchdog);
    } else {
        judge_self(watchdog);
    }
}
