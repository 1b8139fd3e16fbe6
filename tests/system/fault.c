/* Preloaded into the programs by tests: makes their calls on chosen files go wrong, at a chosen call of a chosen kind,
 * counted from 1 in each process.
 *
 *   DAIL_FAULT_PATH     files whose path has this in it are concerned (default: /checkpoints)
 *   DAIL_FAULT_RANK     the rank concerned, * for all; without: a process that is no rank
 *   DAIL_FAULT_AT       "kind:n,kind:n,...": at these calls ("kind:n+": from that one on) the process kills itself, or
 *                       with
 *   DAIL_FAULT_ERRNO    a number: they fail with this error instead
 *   DAIL_FAULT_SECONDS  a number: they take so much longer instead
 *   DAIL_FAULT_ONCE     a file that is made as one goes wrong; where it is there, none does any more
 *   DAIL_FAULT_ORDERS   a file of what ranks are to meet now, which is read anew at every call. A line "KIND RANK PATH
 *                       SECONDS" (RANK may be *, PATH a pattern) lets such calls take so much longer, but no
 *                       longer than it stands there; "sendto RANK * 0" loses the datagrams that are sent. Who met it
 *                       is written to <file>.met, "KIND RANK PATH" a line
 *   DAIL_FAULT_LOG      a file: every call of every rank is written to <file>.<rank>, one line each: its kind and path
 *
 * Kinds: open (for writing), read (pread too), fflush, fclose, write (pwrite too), fallocate, ftruncate, fsync, mkdir,
 * rename (renameat2 too), prune (a removal inside of a checkpoint that is pruned), remove (any other); and whatever the
 * file, spawn (of a child process; one that takes longer is stopped for ever) and sendto. A write that the process dies
 * in has half of its bytes written; at every other call it dies before anything is done: what is half done after one
 * call is what is there before the next.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { KINDS_MAX = 16 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
    const char *kind;
    int calls;
} seen[KINDS_MAX];

/* Read once, before there are threads: what MPI's set meanwhile would pull it away. */
static struct {
    const char *own_rank, *path, *rank, *at, *error, *seconds, *once, *orders, *log;
} asked;

__attribute__((constructor)) static void read_environment(void)
{
    asked.own_rank = getenv("OMPI_COMM_WORLD_RANK");
    asked.path = getenv("DAIL_FAULT_PATH");
    asked.rank = getenv("DAIL_FAULT_RANK");
    asked.at = getenv("DAIL_FAULT_AT");
    asked.error = getenv("DAIL_FAULT_ERRNO");
    asked.seconds = getenv("DAIL_FAULT_SECONDS");
    asked.once = getenv("DAIL_FAULT_ONCE");
    asked.orders = getenv("DAIL_FAULT_ORDERS");
    asked.log = getenv("DAIL_FAULT_LOG");
}

static bool is_rank(const char *wanted)
{
    const char *own = asked.own_rank;
    bool same = own && wanted && (strcmp(own, wanted) == 0 || strcmp(wanted, "*") == 0);
    return same || (!own && !wanted);
}

static void write_log(const char *kind, const char *path)
{
    const char *log = asked.log, *rank = asked.own_rank;
    char line[1200], name[1200];
    if (!log || !rank) {
        return;
    }
    snprintf(name, sizeof name, "%s.%s", log, rank);
    int length = snprintf(line, sizeof line, "%s %s\n", kind, path);
    int file = (int)syscall(SYS_openat, AT_FDCWD, name, O_WRONLY | O_CREAT | O_APPEND, 0666);
    syscall(SYS_write, file, line, (size_t)length);
    syscall(SYS_close, file);
}

/* The number of this call among those of its kind. */
static int count(const char *kind)
{
    int calls = 0;
    pthread_mutex_lock(&lock);
    for (int i = 0; i < KINDS_MAX && calls == 0; i++) {
        if (!seen[i].kind) {
            seen[i].kind = kind;
        }
        if (strcmp(seen[i].kind, kind) == 0) {
            calls = ++seen[i].calls;
        }
    }
    pthread_mutex_unlock(&lock);
    return calls;
}

static bool is_chosen(const char *kind, int call)
{
    const char *list = asked.at;
    size_t length = strlen(kind);
    for (const char *at = list; at && *at != '\0'; at += *at == ',') {
        if (strncmp(at, kind, length) == 0 && at[length] == ':') {
            char *end;
            long first = strtol(at + length + 1, &end, 10);
            if (call == first || (*end == '+' && call > first)) {
                return true;
            }
        }
        at += strcspn(at, ",");
    }
    return false;
}

/* Whether no other has gone wrong before, where that is asked for. */
static bool is_first(void)
{
    const char *mark = asked.once;
    long file = mark ? syscall(SYS_openat, AT_FDCWD, mark, O_WRONLY | O_CREAT | O_EXCL, 0666) : -1;
    if (file >= 0) {
        syscall(SYS_close, file);
    }
    return !mark || file >= 0;
}

/* --- Orders --- */

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* The first order that stands for this call, if one does. */
static bool is_ordered(const char *kind, const char *path, double *seconds)
{
    const char *name = asked.orders, *own = asked.own_rank;
    char orders[2048], ordered[16], rank[16], part[256];
    long file = name && own ? syscall(SYS_openat, AT_FDCWD, name, O_RDONLY) : -1;
    if (file < 0) {
        return false;
    }
    long size = syscall(SYS_read, file, orders, sizeof orders - 1);
    syscall(SYS_close, file);
    orders[size > 0 ? size : 0] = '\0';
    for (const char *line = orders; *line != '\0'; line += strcspn(line, "\n"), line += *line == '\n') {
        if (sscanf(line, "%15s %15s %255s %lf", ordered, rank, part, seconds) == 4 &&
            strcmp(ordered, kind) == 0 && (strcmp(rank, "*") == 0 || strcmp(rank, own) == 0) &&
            fnmatch(part, path, 0) == 0) {
            return true;
        }
    }
    return false;
}

static void tell_met(const char *kind, const char *path)
{
    char line[1200], name[1200];
    snprintf(name, sizeof name, "%s.met", asked.orders);
    int length = snprintf(line, sizeof line, "%s %s %s\n", kind, asked.own_rank, path);
    long file = syscall(SYS_openat, AT_FDCWD, name, O_WRONLY | O_CREAT | O_APPEND, 0666);
    syscall(SYS_write, file, line, length);
    syscall(SYS_close, file);
}

/* Which file of orders there is. Asking reads nothing: a thread that hangs has nothing in its accounts. */
static struct stat orders_file(void)
{
    struct stat file;
    if (!asked.orders || stat(asked.orders, &file) != 0) {
        memset(&file, 0, sizeof file);
    }
    return file;
}

static bool is_same(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* Takes as long as an order says, or until it is withdrawn. */
static void obey(const char *kind, const char *path)
{
    int number = errno;
    double seconds;
    struct stat given = orders_file(), file = given;
    if (given.st_ino != 0 && is_ordered(kind, path, &seconds)) {
        double end = now() + seconds;
        tell_met(kind, path);
        for (double left; (left = end - now()) > 0 && is_same(&file, &given); file = orders_file()) {
            nanosleep(&(struct timespec){.tv_nsec = left < 0.02 ? (long)(left * 1e9) : 20000000}, NULL);
        }
    }
    errno = number;
}

/* Whether this call is to go wrong. */
static bool goes_wrong(const char *kind, const char *path)
{
    obey(kind, path);
    const char *concerned = asked.path;
    if (strcmp(kind, "spawn") != 0 && strcmp(kind, "sendto") != 0 &&
        !strstr(path, concerned ? concerned : "/checkpoints")) {
        return false;
    }
    write_log(kind, path);
    return is_rank(asked.rank) && is_chosen(kind, count(kind)) && is_first();
}

/* Dies, sets errno, or lets time pass: then the call is to be made after all. */
static bool only_waits(void)
{
    const char *number = asked.error, *seconds = asked.seconds;
    if (seconds) {
        double wait = strtod(seconds, NULL);
        struct timespec left = {.tv_sec = (time_t)wait, .tv_nsec = (long)(1e9 * (wait - floor(wait)))};
        while (nanosleep(&left, &left) != 0 && errno == EINTR) {
        }
        return true;
    }
    if (!number) {
        raise(SIGKILL);
    }
    errno = atoi(number ? number : "0");
    return false;
}

static const char *path_of(int file, char *path, size_t size)
{
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, size - 1);
    path[length > 0 ? length : 0] = '\0';
    return path;
}

static const char *removal(const char *path)
{
    return strstr(path, ".pruned.tmp") ? "prune" : "remove";
}

/* The call of the C library that one of ours stands for. */
#define REAL(result, name, ...)                                                                              \
    result (*real)(__VA_ARGS__);                                                                             \
    *(void **)&real = dlsym(RTLD_NEXT, #name)

#define FAIL_IF(kind, path, failure)                                                                         \
    if (goes_wrong(kind, path) && !only_waits()) {                                                           \
        return failure;                                                                                      \
    }

int open(const char *path, int flags, ...)
{
    REAL(int, open, const char *, int, ...);
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = (flags & O_CREAT) ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    if (flags & (O_WRONLY | O_RDWR)) {
        FAIL_IF("open", path, -1)
    }
    return real(path, flags, mode);
}

ssize_t read(int file, void *bytes, size_t size)
{
    char path[1024];
    REAL(ssize_t, read, int, void *, size_t);
    FAIL_IF("read", path_of(file, path, sizeof path), -1)
    return real(file, bytes, size);
}

ssize_t pread(int file, void *bytes, size_t size, off_t offset)
{
    char path[1024];
    REAL(ssize_t, pread, int, void *, size_t, off_t);
    FAIL_IF("read", path_of(file, path, sizeof path), -1)
    return real(file, bytes, size, offset);
}

ssize_t sendto(int file, const void *bytes, size_t size, int flags, const struct sockaddr *to,
               socklen_t length)
{
    double seconds;
    REAL(ssize_t, sendto, int, const void *, size_t, int, const struct sockaddr *, socklen_t);
    if (is_ordered("sendto", "", &seconds)) {
        tell_met("sendto", "");
        return (ssize_t)size;
    }
    FAIL_IF("sendto", "", -1)
    return real(file, bytes, size, flags, to, length);
}

int posix_spawn(pid_t *process, const char *path, const posix_spawn_file_actions_t *actions,
                const posix_spawnattr_t *attributes, char *const arguments[], char *const environment[])
{
    REAL(int, posix_spawn, pid_t *, const char *, const posix_spawn_file_actions_t *,
         const posix_spawnattr_t *, char *const[], char *const[]);
    bool stop = goes_wrong("spawn", path);
    if (stop && !asked.seconds) {
        return only_waits() ? 0 : errno;
    }
    int fault = real(process, path, actions, attributes, arguments, environment);
    if (stop && fault == 0) {
        kill(*process, SIGSTOP);
    }
    return fault;
}

int fflush(FILE *stream)
{
    char path[1024];
    REAL(int, fflush, FILE *);
    if (stream) {
        FAIL_IF("fflush", path_of(fileno(stream), path, sizeof path), EOF)
    }
    return real(stream);
}

int fclose(FILE *stream)
{
    char path[1024];
    REAL(int, fclose, FILE *);
    int file = fileno(stream);
    if (file >= 0 && (fcntl(file, F_GETFL) & O_ACCMODE) != O_RDONLY &&
        goes_wrong("fclose", path_of(file, path, sizeof path)) && !only_waits()) {
        int number = errno;
        real(stream);
        errno = number;
        return EOF;
    }
    return real(stream);
}

ssize_t write(int file, const void *bytes, size_t size)
{
    char path[1024];
    REAL(ssize_t, write, int, const void *, size_t);
    if (goes_wrong("write", path_of(file, path, sizeof path))) {
        if (!asked.seconds) {
            real(file, bytes, size / 2);
        }
        if (!only_waits()) {
            return -1;
        }
    }
    return real(file, bytes, size);
}

ssize_t pwrite(int file, const void *bytes, size_t size, off_t offset)
{
    char path[1024];
    REAL(ssize_t, pwrite, int, const void *, size_t, off_t);
    if (goes_wrong("write", path_of(file, path, sizeof path))) {
        if (!asked.seconds) {
            real(file, bytes, size / 2, offset);
        }
        if (!only_waits()) {
            return -1;
        }
    }
    return real(file, bytes, size, offset);
}

int fallocate(int file, int mode, off_t offset, off_t size)
{
    char path[1024];
    REAL(int, fallocate, int, int, off_t, off_t);
    FAIL_IF("fallocate", path_of(file, path, sizeof path), -1)
    return real(file, mode, offset, size);
}

int ftruncate(int file, off_t size)
{
    char path[1024];
    REAL(int, ftruncate, int, off_t);
    FAIL_IF("ftruncate", path_of(file, path, sizeof path), -1)
    return real(file, size);
}

int fsync(int file)
{
    char path[1024];
    REAL(int, fsync, int);
    FAIL_IF("fsync", path_of(file, path, sizeof path), -1)
    return real(file);
}

int mkdir(const char *path, mode_t mode)
{
    REAL(int, mkdir, const char *, mode_t);
    FAIL_IF("mkdir", path, -1)
    return real(path, mode);
}

int rename(const char *from, const char *to)
{
    REAL(int, rename, const char *, const char *);
    FAIL_IF("rename", from, -1)
    return real(from, to);
}

int renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags)
{
    REAL(int, renameat2, int, const char *, int, const char *, unsigned);
    FAIL_IF("rename", from, -1)
    return real(from_folder, from, to_folder, to, flags);
}

int unlink(const char *path)
{
    REAL(int, unlink, const char *);
    FAIL_IF(removal(path), path, -1)
    return real(path);
}

int unlinkat(int folder, const char *name, int flags)
{
    char path[2200], place[1024];
    REAL(int, unlinkat, int, const char *, int);
    snprintf(path, sizeof path, "%s/%s", folder == AT_FDCWD ? "" : path_of(folder, place, sizeof place),
             name);
    FAIL_IF(removal(path), path, -1)
    return real(folder, name, flags);
}

int remove(const char *path)
{
    REAL(int, remove, const char *);
    FAIL_IF(removal(path), path, -1)
    return real(path);
}
