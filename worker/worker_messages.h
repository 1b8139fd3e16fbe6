/* What a worker hears from the coordinator and tells it while it works. Called by the other worker_*.c. */
#ifndef DAIL_WORKER_WORKER_MESSAGES_H
#define DAIL_WORKER_WORKER_MESSAGES_H

#include "worker/worker_state.h"

enum status worker_send(struct worker *worker, const struct message *message, struct error *error);

/* Something was done: a heartbeat where one is due, and whatever is ready to be sent. `context` is the worker. */
void worker_progress(void *context, enum message_phase phase);

/* The same, while an exchange waits for other workers. */
void worker_idle(void *context);

/* The same, while another thread is at a file: "" where it is at none. False: the run was asked to stop, and this has
 * taken so long already that it is not to be waited for. */
bool worker_wait_for_file(void *context, enum message_phase phase, const char *file, double seconds);

/* Tells the coordinator what the loader has to tell. */
void worker_pass_notices(struct worker *worker);

/* Handles every message that has come in. */
enum status worker_receive(struct worker *worker, struct error *error);

/* Waits for messages until `done` says so, sending heartbeats. */
enum status worker_wait(struct worker *worker, bool (*done)(const struct worker *), enum message_phase phase,
                        struct error *error);

#endif
