/* Child processes of a supervisor: started in a process group of their own, and ended for certain, with
 * everything they have started on this host.
 */
#ifndef DAIL_DAEMON_SUPERVISOR_LAUNCH_H
#define DAIL_DAEMON_SUPERVISOR_LAUNCH_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum launch_output {
    LAUNCH_SILENT, /* what the process prints is thrown away */
    LAUNCH_SHOWN /* it has this process's output */
};

/* From now on processes whose parent ends become children of this one, where launch_sweep finds them. */
void launch_adopt_orphans(void);

/* Starts argv[0] (looked up in PATH) with no input, no signal blocked, as leader of a new process group; it
 * is told to end when this process dies. Returns its id, or -1. One that cannot be executed exits with 127.
 */
pid_t launch_process(const char *const *argv, enum launch_output output);

/* Runs argv[0] likewise, waits for its end, and reads what it prints to either output first, `size` - 1 bytes at
 * most. Exit code as of launch_ended. False where it cannot be started or takes longer than `seconds`. */
bool launch_read(const char *const *argv, double seconds, char *text, size_t size, int *code);

/* Has it ended? Then *code is its exit code, or 128 and the signal's number. */
bool launch_ended(pid_t process, int *code);

/* SIGTERM; what is still there after `seconds`, SIGKILL to its whole group. Returns when it has ended. */
void launch_end(pid_t process, double seconds);

/* Kills and reaps every child of this process, orphans included, until none is left or `seconds` are over. */
void launch_sweep(double seconds);

#endif
