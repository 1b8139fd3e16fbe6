/* The watch over a run's start, before there is a watchdog: a thread that ends the process with STATUS_LOST and one line
 * where MPI does not come up, because another rank sleeps or its host does not answer; or where, after that, the main
 * thread neither computes nor reads any more, because a file system does not answer. The limit is ten times
 * liveness_seconds, and at least 20 seconds.
 */
#ifndef DAIL_DAEMON_RANK_START_WATCH_H
#define DAIL_DAEMON_RANK_START_WATCH_H

#include <stdbool.h>

struct start_watch;

/* Called by the main thread, before MPI's start. NULL where no thread can be started: then nobody watches. */
struct start_watch *start_watch_open(double liveness_seconds, bool first);

/* MPI has come up as rank `rank`. */
void start_watch_joined(struct start_watch *watch, int rank);

/* The start is over. NULL is left alone. */
void start_watch_close(struct start_watch *watch);

#endif
