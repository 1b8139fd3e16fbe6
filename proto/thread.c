#include "proto/thread.h"

#include "proto/clock.h"

#include <math.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum status thread_start(pthread_t *thread, void *(*run)(void *context), void *context, const char *where,
                         struct error *error)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(thread, NULL, run, context);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed != 0) {
        return error_set(error, STATUS_INTERNAL, where, "check the limit of processes (ulimit -u)",
                         "cannot start a thread: %s", strerror(failed));
    }
    return STATUS_OK;
}

void thread_condition_init(pthread_cond_t *condition)
{
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(condition, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

void thread_condition_wait(pthread_cond_t *condition, pthread_mutex_t *lock, double seconds)
{
    double at = clock_monotonic() + seconds;
    struct timespec until = {.tv_sec = (time_t)at, .tv_nsec = (long)(1e9 * (at - floor(at)))};
    pthread_cond_timedwait(condition, lock, &until);
}

uint64_t thread_transferred(long thread)
{
    char path[64], line[128];
    unsigned long long bytes = 0, all = 0;
    snprintf(path, sizeof path, "/proc/self/task/%ld/io", thread);
    FILE *accounts = fopen(path, "re");
    while (accounts && fgets(line, sizeof line, accounts)) {
        bool counts = sscanf(line, "rchar: %llu", &bytes) == 1 || sscanf(line, "wchar: %llu", &bytes) == 1;
        all += counts ? bytes : 0;
    }
    if (accounts) {
        fclose(accounts);
    }
    return all;
}
