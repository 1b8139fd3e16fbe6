#include "shard/hdf5/hdf5_child.h"

#include "proto/clock.h"
#include "shard/hdf5/hdf5_confine.h"
#include "shard/hdf5/hdf5_stored.h"
#include "shard/hdf5/hdf5_survey.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NAME "dail-hdf5-survey"
#define PROGRAM "/proc/self/exe"
/* A survey takes milliseconds; one that takes this long goes round in circles. */
#define SECONDS 10
/* On a host that is busy, or a file server that is slow, the same takes so many times longer; then it is tried once more. */
#define WALL_FACTOR 12
/* What was ended is gone within this, unless a file system keeps it. */
#define END_SECONDS 2.0
/* What HDF5 decodes at the least in a second. */
#define DECODED_A_SECOND ((uint64_t)10 << 20)
/* Its first words, of one length: it is ready, or why it is not follows. */
#define READY "dail-hdf5 ready."
#define CANNOT "dail-hdf5 cannot"
#define GREETING (sizeof READY - 1)

#define DAMAGED "restore the file from a copy, or make it again"

/* --- The child's side --- */

/* Run by every program that this file is part of, before its main, as glibc hands it the arguments: so no
 * main, be it a test's, has to know of it. It does nothing in a process that h5_child_start has not started.
 */
__attribute__((constructor)) static void become_survey(int count, char **arguments)
{
    char why[256];
    if (count < 4 || strcmp(arguments[0], NAME) != 0) {
        return;
    }
    const bool confined = h5_confine((unsigned)atoi(arguments[2]), why, sizeof why);
    if (getppid() != (pid_t)atoi(arguments[1])) { /* which had gone before the child was bound to it */
        _exit(H5_SURVEY_FAILED);
    }
    if (!h5_stored_write(confined ? READY : CANNOT, GREETING)) {
        _exit(H5_SURVEY_FAILED);
    }
    if (!confined) {
        h5_stored_write(why, strlen(why));
        _exit(H5_SURVEY_FAILED);
    }
    _exit(h5_survey_run(count - 3, arguments + 3));
}

/* --- Starting it --- */

/* Where libraries lie is all that it needs to know of its environment, and whether the system has filters. */
static void make_environment(char **environment)
{
    size_t count = 0;
    for (char **entry = environ; entry && *entry; entry++) {
        if (strncmp(*entry, "LD_LIBRARY_PATH=", 16) == 0 ||
            strncmp(*entry, H5_CONFINE_SWITCH "=", sizeof H5_CONFINE_SWITCH) == 0) {
            environment[count++] = *entry;
        }
    }
    environment[count++] = "OPENBLAS_NUM_THREADS=1";
    environment[count++] = "OMP_NUM_THREADS=1";
#ifdef H5_SANITIZED
    environment[count++] = "ASAN_OPTIONS=detect_leaks=0:abort_on_error=1:handle_segv=0:handle_sigbus=0:"
                           "handle_sigfpe=0:handle_abort=0:allocator_may_return_null=1";
    environment[count++] = "LLVM_PROFILE_FILE=/dev/null";
#endif
    environment[count] = NULL;
}

/* In a group of its own, so that signals to the terminal's or the scheduler's group, which the program itself
 * may well survive, do not end it; with no signal ignored or held back. */
static int spawn(const char *program, char *const *arguments, int input, int output, pid_t *process)
{
    char *environment[8];
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    make_environment(environment);
    int fault = posix_spawn_file_actions_init(&actions);
    if (fault != 0) {
        return fault;
    }
    fault = posix_spawnattr_init(&attributes);
    if (fault != 0) {
        posix_spawn_file_actions_destroy(&actions);
        return fault;
    }
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes,
                             POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    fault = posix_spawn_file_actions_adddup2(&actions, input, 0);
    if (fault == 0) {
        fault = posix_spawn_file_actions_adddup2(&actions, output, 1);
    }
    if (fault == 0) {
        fault = posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    }
    if (fault == 0) {
        fault = posix_spawn(process, program, &actions, &attributes, arguments, environment);
    }
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return fault;
}

static enum status cannot_start(const char *path, int number, struct error *error)
{
    return error_set(error, STATUS_INTERNAL, path,
                     number == ENOENT ? "mount /proc: the program starts itself by /proc/self/exe"
                                      : "raise the limits on processes and open files, and try again",
                     "cannot start a process to look into the file: %s", strerror(number));
}

enum status h5_child_start(const char *program, char *const *arguments, int descriptor,
                           struct h5_child *child, struct error *error)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return cannot_start(child->path, errno, error);
    }
    /* Copies above those that it gets them as: a program may have been started without these. */
    int input = fcntl(descriptor, F_DUPFD_CLOEXEC, 3), output = fcntl(ends[1], F_DUPFD_CLOEXEC, 3);
    int fault = input < 0 || output < 0 ? errno : spawn(program, arguments, input, output, &child->process);
    if (input >= 0) {
        close(input);
    }
    if (output >= 0) {
        close(output);
    }
    close(ends[1]);
    child->output = ends[0];
    child->deadline = clock_monotonic() + child->wall_seconds;
    if (fault == 0) {
        return STATUS_OK;
    }
    close(ends[0]);
    return cannot_start(child->path, fault, error);
}

/* Waits for output, or for its end. False: it is late; then it is ended. */
static bool await_output(struct h5_child *child)
{
    struct pollfd wait = {.fd = child->output, .events = POLLIN};
    while (!child->late) {
        double left = child->deadline - clock_monotonic();
        int ready = poll(&wait, 1, child->wall_seconds > 0 ? (int)(1000 * (left > 0 ? left : 0)) : -1);
        if (ready > 0) {
            return true;
        }
        child->late = ready == 0;
    }
    return false;
}

size_t h5_child_read(struct h5_child *child, void *bytes, size_t size)
{
    size_t got = 0;
    while (got < size && await_output(child)) {
        ssize_t count = read(child->output, (char *)bytes + got, size - got);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count <= 0) {
            break;
        }
        got += (size_t)count;
    }
    return got;
}

static bool is_late(const struct h5_child *child)
{
    return child->wall_seconds > 0 && clock_monotonic() > child->deadline;
}

/* Its end, as waitpid has it; 0: it is late. */
static pid_t await_end(struct h5_child *child, int *fate)
{
    pid_t ended;
    while ((ended = waitpid(child->process, fate, WNOHANG)) == 0 && !is_late(child)) {
        nanosleep(&(struct timespec){.tv_nsec = 500000}, NULL);
    }
    return ended;
}

/* A process that a file system keeps cannot even be ended: it is left alone then. */
static enum status tell_late(struct h5_child *child, struct error *error)
{
    double waited = child->wall_seconds;
    kill(child->process, SIGKILL);
    child->wall_seconds = END_SECONDS;
    child->deadline = clock_monotonic() + END_SECONDS;
    await_end(child, NULL);
    return error_set(error, STATUS_LOST, child->path, "see whether the file system answers, and try again",
                     "the process that looks into the file has not come back for %.0f s", waited);
}

static enum status tell_fate(const struct h5_child *child, int fate, struct error *error)
{
    if (WIFEXITED(fate) && WEXITSTATUS(fate) == 0) {
        return STATUS_OK;
    }
    if (WIFEXITED(fate)) {
        return error_set(error, STATUS_DATA, child->path, DAMAGED,
                         "the file's structures are damaged: HDF5 gave up (exit code %d) while reading them",
                         WEXITSTATUS(fate));
    }
    if (WTERMSIG(fate) == SIGXCPU) {
        return error_set(
            error, STATUS_DATA, child->path, DAMAGED,
            "the file's structures are damaged: HDF5 was still at them after %d seconds of computing",
            child->seconds);
    }
    if (WTERMSIG(fate) == SIGKILL || WTERMSIG(fate) == SIGTERM) {
        return error_set(error, STATUS_INTERNAL, child->path,
                         "see what memory the host has left, and try again",
                         "the process that looked into the file was killed (signal %d)", WTERMSIG(fate));
    }
    return error_set(error, STATUS_DATA, child->path, DAMAGED,
                     "the file's structures are damaged: HDF5 crashed (signal %d) while reading them",
                     WTERMSIG(fate));
}

enum status h5_child_end(struct h5_child *child, struct error *error)
{
    char more;
    int fate = 0;
    bool chatty = h5_child_read(child, &more, 1) != 0;
    if (chatty) {
        kill(child->process, SIGKILL);
    }
    close(child->output);
    if (child->late) {
        return tell_late(child, error);
    }
    pid_t ended = await_end(child, &fate);
    if (ended == 0) {
        return tell_late(child, error);
    }
    if (chatty) {
        return error_set(error, STATUS_DATA, child->path, DAMAGED,
                         "the file's structures are damaged: HDF5 finds more in it than it can hold");
    }
    /* Where a program ignores SIGCHLD nothing is known of its child's end but what it said before. */
    return ended < 0 ? STATUS_OK : tell_fate(child, fate, error);
}

/* The system fails here, not the file: of what cannot start nothing is known of that. */
static enum status greet(struct h5_child *child, struct error *error)
{
    char greeting[GREETING], why[256];
    const size_t got = h5_child_read(child, greeting, sizeof greeting);
    if (got == GREETING && memcmp(greeting, READY, GREETING) == 0) {
        return STATUS_OK;
    }
    if (got == GREETING && memcmp(greeting, CANNOT, GREETING) == 0) {
        why[h5_child_read(child, why, sizeof why - 1)] = '\0';
        h5_child_end(child, NULL);
        return error_set(error, STATUS_INTERNAL, child->path,
                         "allow it, or, where the system has no seccomp, set " H5_CONFINE_SWITCH "=off",
                         "cannot confine the process that is to look into the file: %s", why);
    }
    enum status status = h5_child_end(child, error);
    return status == STATUS_INTERNAL || status == STATUS_LOST
               ? status
               : error_set(
                     error, STATUS_INTERNAL, child->path,
                     "start the program itself, not through valgrind or a loader: /proc/self/exe must be it",
                     "the process that is to look into the file did not begin as this program's");
}

/* --- What it is for --- */

/* Up to `most` bytes of its output, in memory that grows with them; NULL if there is none. */
static uint8_t *read_output(struct h5_child *child, size_t most, size_t *size)
{
    size_t capacity = 0, got;
    uint8_t *bytes = NULL;
    *size = 0;
    do {
        size_t larger = capacity * 2 + 65536 < most ? capacity * 2 + 65536 : most;
        uint8_t *grown = realloc(bytes, larger);
        if (!grown) {
            free(bytes);
            return NULL;
        }
        bytes = grown;
        capacity = larger;
        got = h5_child_read(child, bytes + *size, capacity - *size);
        *size += got;
    } while (*size == capacity && capacity < most);
    return bytes;
}

enum status h5_child_describe(struct h5_child *child, uint64_t bytes, struct h5_description **description,
                              struct error *error)
{
    size_t size;
    const char *what;
    *description = NULL;
    uint8_t *output = read_output(child, h5_description_most(bytes), &size);
    enum status status = h5_child_end(child, error);
    if (!output) {
        return error_no_memory(error, child->path);
    }
    if (status != STATUS_OK) {
        free(output);
        return status;
    }
    *description = h5_description_read(output, size, &what);
    if (!*description) {
        status = error_set(error, STATUS_DATA, child->path, DAMAGED,
                           "the file's structures are damaged: what HDF5 says of them is no description: %s",
                           what);
    }
    return status;
}

static enum status survey(int descriptor, const char *path, uint64_t bytes,
                          struct h5_description **description, struct error *error)
{
    char parent[16], seconds[16];
    char *arguments[] = {NAME, parent, seconds, H5_SURVEY_DESCRIBE, NULL};
    struct h5_child child = {.seconds = SECONDS, .wall_seconds = WALL_FACTOR * SECONDS, .path = path};
    *description = NULL;
    snprintf(parent, sizeof parent, "%d", (int)getpid());
    snprintf(seconds, sizeof seconds, "%d", child.seconds);
    enum status status = h5_child_start(PROGRAM, arguments, descriptor, &child, error);
    if (status == STATUS_OK) {
        status = greet(&child, error);
    }
    return status == STATUS_OK ? h5_child_describe(&child, bytes, description, error) : status;
}

enum status h5_survey(int descriptor, const char *path, uint64_t bytes, struct h5_description **description,
                      struct error *error)
{
    enum status status = survey(descriptor, path, bytes, description, error);
    return status == STATUS_LOST ? survey(descriptor, path, bytes, description, error) : status;
}

/* Blocks of values, each after its length as u32; after a length of 0 there is text: why there are no more.
 */
static enum status read_values(struct h5_child *child, const struct h5_selection *selection, uint8_t *data,
                               struct error *error)
{
    char text[256] = "it says too little";
    uint64_t bytes = selection->bytes;
    while (bytes > 0) {
        uint8_t head[4];
        if (h5_child_read(child, head, sizeof head) != sizeof head) {
            break;
        }
        uint64_t size =
            (uint64_t)head[0] | (uint64_t)head[1] << 8 | (uint64_t)head[2] << 16 | (uint64_t)head[3] << 24;
        if (size == 0) {
            text[h5_child_read(child, text, sizeof text - 1)] = 0;
        }
        if (size == 0 || size > bytes || h5_child_read(child, data, size) != size) {
            break;
        }
        data += size;
        bytes -= size;
    }
    if (bytes == 0) {
        return STATUS_OK;
    }
    return error_set(error, STATUS_DATA, child->path, DAMAGED, "cannot read %.100s: HDF5 says '%s'",
                     selection->name, text);
}

static enum status decode(int descriptor, const char *path, const struct h5_selection *selection, void *data,
                          struct error *error)
{
    char parent[16], seconds[16], identity[24], type[4], begin[24], count[24];
    char *arguments[] = {NAME, parent, seconds, H5_SURVEY_DECODE, identity, type, begin, count, NULL};
    uint64_t more = selection->bytes / DECODED_A_SECOND;
    struct h5_child child = {.seconds = SECONDS + (int)(more < 1000000 ? more : 1000000), .path = path};
    child.wall_seconds = WALL_FACTOR * child.seconds;
    struct error fault;
    snprintf(parent, sizeof parent, "%d", (int)getpid());
    snprintf(seconds, sizeof seconds, "%d", child.seconds);
    snprintf(identity, sizeof identity, "%llu", (unsigned long long)selection->identity);
    snprintf(type, sizeof type, "%d", (int)selection->type);
    snprintf(begin, sizeof begin, "%llu", (unsigned long long)selection->begin);
    snprintf(count, sizeof count, "%llu", (unsigned long long)selection->count);
    enum status status = h5_child_start(PROGRAM, arguments, descriptor, &child, error);
    if (status != STATUS_OK) {
        return status;
    }
    status = greet(&child, error);
    if (status != STATUS_OK) {
        return status;
    }
    enum status values = read_values(&child, selection, data, &fault);
    status = h5_child_end(&child, error);
    if (status == STATUS_OK && values != STATUS_OK && error) {
        *error = fault;
    }
    return status == STATUS_OK ? values : status;
}

enum status h5_decode(int descriptor, const char *path, const struct h5_selection *selection, void *data,
                      struct error *error)
{
    enum status status = decode(descriptor, path, selection, data, error);
    return status == STATUS_LOST ? decode(descriptor, path, selection, data, error) : status;
}
