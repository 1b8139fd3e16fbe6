#include "daemon/supervisor/launch.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define POLL_NANOSECONDS 20000000L
#define CANNOT_EXECUTE 127

double launch_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void pause_briefly(void)
{
    nanosleep(&(struct timespec){.tv_nsec = POLL_NANOSECONDS}, NULL);
}

void launch_adopt_orphans(void)
{
    prctl(PR_SET_CHILD_SUBREAPER, 1);
}

static void become(const char *const *argv, enum launch_output output)
{
    sigset_t none;
    int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (nothing >= 0) {
        dup2(nothing, STDIN_FILENO);
        if (output == LAUNCH_SILENT) {
            dup2(nothing, STDOUT_FILENO);
            dup2(nothing, STDERR_FILENO);
        }
    }
    execvp(argv[0], (char *const *)(size_t)argv);
    _exit(CANNOT_EXECUTE);
}

pid_t launch_process(const char *const *argv, enum launch_output output)
{
    pid_t process = fork();
    if (process == 0) {
        become(argv, output);
    }
    if (process > 0) {
        setpgid(process, process); /* here too: the group has to be there before anybody signals it */
    }
    return process;
}

bool launch_ended(pid_t process, int *code)
{
    int status;
    if (waitpid(process, &status, WNOHANG) != process) {
        return false;
    }
    *code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    return true;
}

void launch_end(pid_t process, double seconds)
{
    int code;
    kill(process, SIGTERM);
    for (double end = launch_clock() + seconds; launch_clock() < end; pause_briefly()) {
        if (launch_ended(process, &code)) {
            return;
        }
    }
    kill(-process, SIGKILL);
    waitpid(process, NULL, 0);
}

/* The parent of a process, from /proc/<pid>/stat: the second field behind the name's closing bracket. */
static pid_t parent_of(const char *name)
{
    char path[300], line[512];
    int parent = -1;
    snprintf(path, sizeof path, "/proc/%s/stat", name);
    FILE *file = fopen(path, "re");
    if (!file) {
        return -1;
    }
    if (fgets(line, sizeof line, file)) {
        const char *end = line;
        for (const char *at = line; *at != '\0'; at++) {
            end = *at == ')' ? at : end;
        }
        if (sscanf(end, ") %*c %d", &parent) != 1) {
            parent = -1;
        }
    }
    fclose(file);
    return parent;
}

static void kill_children(void)
{
    DIR *processes = opendir("/proc");
    const struct dirent *entry;
    while (processes && (entry = readdir(processes))) {
        int process = atoi(entry->d_name);
        if (process > 0 && parent_of(entry->d_name) == getpid()) {
            kill(process, SIGKILL);
        }
    }
    if (processes) {
        closedir(processes);
    }
}

void launch_sweep(double seconds)
{
    for (double end = launch_clock() + seconds; launch_clock() < end; pause_briefly()) {
        kill_children();
        pid_t reaped;
        while ((reaped = waitpid(-1, NULL, WNOHANG)) > 0) {
        }
        if (reaped < 0) {
            return; /* no child is left */
        }
    }
}
