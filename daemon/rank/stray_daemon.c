#include "daemon/rank/stray_daemon.h"

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define WAIT_SECONDS 20
#define TERM_SECONDS 5
#define DESCRIPTORS_MAX 4096

/* Is the process one of the daemons that Open MPI (4: orted, 5: prted) starts on every host? */
static bool is_daemon(pid_t process)
{
    char path[64], name[32] = "";
    snprintf(path, sizeof path, "/proc/%d/comm", (int)process);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        return false;
    }
    ssize_t length = read(file, name, sizeof name - 1);
    close(file);
    name[length > 0 ? length : 0] = '\0';
    return strcmp(name, "orted\n") == 0 || strcmp(name, "prted\n") == 0;
}

/* Waits until it has gone. */
static bool gone_within(pid_t process, int seconds)
{
    for (int i = 0; i < seconds; i++) {
        if (!is_daemon(process)) {
            return true;
        }
        nanosleep(&(struct timespec){.tv_sec = 1}, NULL);
    }
    return !is_daemon(process);
}

void stray_daemon_end_later(void)
{
    pid_t daemon = getppid();
    if (!is_daemon(daemon) || fork() != 0) {
        return;
    }
    setsid();
    prctl(PR_SET_NAME, "dail-stray");
    /* The daemon waits for the end of what its ranks print: this process must not keep it open. */
    for (int descriptor = 0; descriptor < DESCRIPTORS_MAX; descriptor++) {
        close(descriptor);
    }
    if (!gone_within(daemon, WAIT_SECONDS)) {
        kill(daemon, SIGTERM);
        if (!gone_within(daemon, TERM_SECONDS)) {
            kill(daemon, SIGKILL);
        }
    }
    _exit(0);
}
