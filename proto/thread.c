#include "proto/thread.h"

#include <signal.h>
#include <string.h>

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
