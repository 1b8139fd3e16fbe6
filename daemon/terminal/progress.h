/* How far a command has come, on stderr: a bar with rate and time left on a terminal, else a plain line every
 * few seconds.
 */
#ifndef DAIL_DAEMON_TERMINAL_PROGRESS_H
#define DAIL_DAEMON_TERMINAL_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
    const char *what; /* the line's beginning: "pack lfw" */
    const char *unit; /* what is counted: "images" */
    bool terminal;
    bool shown; /* a bar stands on the terminal's last line */
    double begin, last; /* seconds of the monotonic clock; last: of the latest output */
    uint64_t done, total;
};

/* `what` and `unit` must stay until the end. */
void progress_begin(struct progress *progress, const char *what, const char *unit);

/* The form that the rooms below call back: `context` is the struct progress. Cheap when called often. */
void progress_update(void *context, uint64_t done, uint64_t total);

/* Prints a line of its own without spoiling the bar; `context` is the struct progress. */
void progress_say(void *context, const char *text);

/* Takes the bar away; the caller prints what came of it. */
void progress_end(struct progress *progress);

/* Seconds since progress_begin. */
double progress_seconds(const struct progress *progress);

#endif
