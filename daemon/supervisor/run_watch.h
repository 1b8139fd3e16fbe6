/* What a run's files tell a supervisor outside of it: how far it has come, what it ended with, and whether
 * its coordinator still lives (it touches daild.log about once a second).
 */
#ifndef DAIL_DAEMON_SUPERVISOR_RUN_WATCH_H
#define DAIL_DAEMON_SUPERVISOR_RUN_WATCH_H

#include "proto/file.h"
#include "proto/status/status_reader.h"

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

struct run_watch {
    struct status_reader reader;
    char log_path[PATH_SIZE];
    struct timespec log_changed;
    double sign; /* when the coordinator last gave a heartbeat, by launch_clock */
    bool alive; /* it has given one */
    bool started, stopped; /* a start and a stop record have come */
    int lanes, exit_code; /* of these records */
    int64_t start_step, checkpoint_step; /* the latter: -1 if none was committed */
    char fault[768]; /* the first one, with rank and host; may be empty */
    char reason[320]; /* of the stop record; may be empty */
};

/* Begins with what the run's files hold from now on: what is in them is passed over. */
void run_watch_open(struct run_watch *watch, const char *run_dir);

/* Takes in what has come since. */
void run_watch_look(struct run_watch *watch);

/* Has it committed a checkpoint beyond the one it began from? */
bool run_watch_progressed(const struct run_watch *watch);

void run_watch_close(struct run_watch *watch);

#endif
