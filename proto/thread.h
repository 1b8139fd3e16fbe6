/* Threads beside the main one. */
#ifndef DAIL_PROTO_THREAD_H
#define DAIL_PROTO_THREAD_H

#include "proto/error.h"

#include <pthread.h>
#include <stdint.h>

/* Starts a thread in which every signal is blocked: signals are the main thread's. `where` is what it is for, in the
 * error. STATUS_INTERNAL. */
enum status thread_start(pthread_t *thread, void *(*run)(void *context), void *context, const char *where,
                         struct error *error);

/* A condition whose waits are measured by clock_monotonic. */
void thread_condition_init(pthread_cond_t *condition);

/* Waits for it, for so long at most; `lock` is held. */
void thread_condition_wait(pthread_cond_t *condition, pthread_mutex_t *lock, double seconds);

/* Bytes that a thread of this process (as gettid names it) has read and written, as the system's accounts say; 0 where
 * it keeps none. */
uint64_t thread_transferred(long thread);

#endif
