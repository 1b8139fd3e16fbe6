#include "daemon/supervisor/launch.h"

#include "proto/clock.h"

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

static void pause_briefly(void)
{
    nanosleep(&(struct timespec){.tv_nsec = POLL_NANOSECONDS}, NULL);
}

void launch_adopt_orphans(void)
{
    prctl(PR_SET_CHILD_SUBREAPER, 1);
}

/* `output`: where both outputs go; -1: where this process's go. */
static void become(const char *const *argv, int output)
{
    sigset_t none;
    int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (nothing >= 0) {
        dup2(nothing, STDIN_FILENO);
    }
    if (output >= 0) {
        dup2(output, STDOUT_FILENO);
        dup2(output, STDERR_FILENO);
    }
    execvp(argv[0], (char *const *)(size_t)argv);
    _exit(CANNOT_EXECUTE);
}

static pid_t start(const char *const *argv, int output)
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

pid_t launch_process(const char *const *argv, enum launch_output output)
{
    int nowhere = output == LAUNCH_SILENT ? open("/dev/null", O_WRONLY | O_CLOEXEC) : -1;
    pid_t process = start(argv, nowhere);
    if (nowhere >= 0) {
        close(nowhere);
    }
    return process;
}

bool launch_read(const char *const *argv, double seconds, char *text, size_t size, int *code)
{
    int ends[2];
    text[0] = '\0';
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) {
        return false;
    }
    pid_t process = start(argv, ends[1]);
    close(ends[1]);
    bool ended = false;
    for (double end = clock_monotonic() + seconds; process > 0 && !ended && clock_monotonic() < end;) {
        ended = launch_ended(process, code);
        if (!ended) {
            pause_briefly();
        }
    }
    if (process > 0 && !ended) {
        launch_end(process, 0);
    }
    ssize_t length = read(ends[0], text, size - 1);
    text[length > 0 ? length : 0] = '\0';
    close(ends[0]);
    return ended;
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
    for (double end = clock_monotonic() + seconds; clock_monotonic() < end; pause_briefly()) {
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
    for (double end = clock_monotonic() + seconds; clock_monotonic() < end; pause_briefly()) {
        kill_children();
        pid_t reaped;
        while ((reaped = waitpid(-1, NULL, WNOHANG)) > 0) {
        }
        if (reaped < 0) {
            return; /* no child is left */
        }
    }
}
