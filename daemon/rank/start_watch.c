#include "daemon/rank/start_watch.h"

#include "proto/clock.h"
#include "proto/error.h"
#include "proto/thread.h"

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define LIMIT_FACTOR 10
#define LIMIT_SECONDS_MIN 20.0
#define TICK_SECONDS 0.2
/* What one tick counts at most: the process may have been stopped in it. */
#define TICK_SECONDS_MAX 1.0
/* The first rank's line is to be the only one. */
#define STAGGER_SECONDS 3.0

struct start_watch {
    double limit;
    char host[128];
    clockid_t computed; /* by the main thread */
    pid_t task; /* which it is */
    pthread_t thread;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t wake;
    bool over;
    int rank; /* -1: MPI has not come up */
    uint64_t done; /* when last looked at */
    double still; /* seconds since that last rose */
};

_Noreturn static void end_process(const struct start_watch *watch)
{
    char where[192], line[ERROR_LINE_SIZE];
    struct error error;
    if (watch->rank < 0) {
        error_set(&error, STATUS_LOST, watch->host,
                  "see whether every host answers, then start the run again",
                  "MPI has not come up for %.0f s: a rank has not started, or its host does not answer",
                  watch->still);
    } else {
        snprintf(where, sizeof where, "rank %d@%s", watch->rank, watch->host);
        error_set(&error, STATUS_LOST, where, "see whether the file system answers, then start the run again",
                  "the start hangs: nothing read and nothing computed for %.0f s", watch->still);
    }
    dprintf(STDERR_FILENO, "daild: %s\n", error_format(&error, line, sizeof line));
    _exit(STATUS_LOST);
}

/* Rises as the main thread computes, reads or writes. */
static uint64_t look_at_main(const struct start_watch *watch)
{
    struct timespec computed = {0};
    clock_gettime(watch->computed, &computed);
    return thread_transferred(watch->task) + (uint64_t)computed.tv_sec * 1000000000u +
           (uint64_t)computed.tv_nsec;
}

static void tick(struct start_watch *watch, double passed)
{
    uint64_t done = watch->rank >= 0 ? look_at_main(watch) : 0;
    watch->still = done == watch->done ? watch->still + passed : 0;
    watch->done = done;
    if (watch->still > watch->limit) {
        end_process(watch);
    }
}

static void *watch_start(void *context)
{
    struct start_watch *watch = context;
    double before = clock_monotonic();
    pthread_mutex_lock(&watch->lock);
    while (!watch->over) {
        thread_condition_wait(&watch->wake, &watch->lock, TICK_SECONDS);
        double now = clock_monotonic();
        if (!watch->over) {
            tick(watch, now - before < TICK_SECONDS_MAX ? now - before : TICK_SECONDS_MAX);
        }
        before = now;
    }
    pthread_mutex_unlock(&watch->lock);
    return NULL;
}

struct start_watch *start_watch_open(double liveness_seconds, bool first)
{
    struct start_watch *watch = calloc(1, sizeof *watch);
    if (!watch) {
        return NULL;
    }
    double limit = LIMIT_FACTOR * liveness_seconds;
    watch->limit = (limit > LIMIT_SECONDS_MIN ? limit : LIMIT_SECONDS_MIN) + (first ? 0 : STAGGER_SECONDS);
    watch->rank = -1;
    watch->task = getpid();
    gethostname(watch->host, sizeof watch->host - 1);
    pthread_getcpuclockid(pthread_self(), &watch->computed);
    pthread_mutex_init(&watch->lock, NULL);
    thread_condition_init(&watch->wake);
    if (thread_start(&watch->thread, watch_start, watch, "start", NULL) != STATUS_OK) {
        free(watch);
        return NULL;
    }
    return watch;
}

void start_watch_joined(struct start_watch *watch, int rank)
{
    if (watch) {
        pthread_mutex_lock(&watch->lock);
        watch->rank = rank;
        watch->still = 0;
        pthread_mutex_unlock(&watch->lock);
    }
}

void start_watch_close(struct start_watch *watch)
{
    if (!watch) {
        return;
    }
    pthread_mutex_lock(&watch->lock);
    watch->over = true;
    pthread_cond_signal(&watch->wake);
    pthread_mutex_unlock(&watch->lock);
    pthread_join(watch->thread, NULL);
    pthread_cond_destroy(&watch->wake);
    pthread_mutex_destroy(&watch->lock);
    free(watch);
}
