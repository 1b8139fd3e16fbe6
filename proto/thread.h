/* Threads beside the main one. */
#ifndef DAIL_PROTO_THREAD_H
#define DAIL_PROTO_THREAD_H

#include "proto/error.h"

#include <pthread.h>

/* Starts a thread in which every signal is blocked: signals are the main thread's. `where` is what it is for, in the
 * error. STATUS_INTERNAL. */
enum status thread_start(pthread_t *thread, void *(*run)(void *context), void *context, const char *where,
                         struct error *error);

#endif
