/* Preloaded into daild by tests: makes its calls that change files below a folder "checkpoints" go wrong, at
 * a chosen call of a chosen kind, counted from 1 in one rank.
 *
 *   DAIL_FAULT_RANK   the rank concerned
 *   DAIL_FAULT_AT     "kind:n,kind:n,...": at these calls the process kills itself, or with
 *   DAIL_FAULT_ERRNO  a number: they fail with this error instead
 *   DAIL_FAULT_LOG    a file: every call of every rank is written to <file>.<rank>, one line each: its kind
 * and path
 *
 * Kinds: open (for writing), fflush, fclose, write (pwrite too), fallocate, ftruncate, fsync, mkdir,
 * rename (renameat2 too), prune (a removal inside of a checkpoint that is pruned), remove (any other). A
 * write that the process dies in has half of its bytes written; at every other call it dies before anything
 * is done: what is half done after one call is what is there before the next.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { KINDS_MAX = 16 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
    const char *kind;
    int calls;
} seen[KINDS_MAX];

static bool is_rank(const char *wanted)
{
    const char *own = getenv("OMPI_COMM_WORLD_RANK");
    return own && wanted && strcmp(own, wanted) == 0;
}

static void write_log(const char *kind, const char *path)
{
    const char *log = getenv("DAIL_FAULT_LOG"), *rank = getenv("OMPI_COMM_WORLD_RANK");
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
    char wanted[64];
    const char *list = getenv("DAIL_FAULT_AT");
    size_t length = (size_t)snprintf(wanted, sizeof wanted, "%s:%d", kind, call);
    for (const char *at = list; at && *at != '\0'; at += *at == ',') {
        size_t word = strcspn(at, ",");
        if (word == length && strncmp(at, wanted, length) == 0) {
            return true;
        }
        at += word;
    }
    return false;
}

/* Whether this call is to go wrong. */
static bool goes_wrong(const char *kind, const char *path)
{
    if (!strstr(path, "/checkpoints")) {
        return false;
    }
    write_log(kind, path);
    return is_rank(getenv("DAIL_FAULT_RANK")) && is_chosen(kind, count(kind));
}

/* Dies, or sets errno. */
static void go_wrong(void)
{
    const char *number = getenv("DAIL_FAULT_ERRNO");
    if (!number) {
        raise(SIGKILL);
    }
    errno = atoi(number ? number : "0");
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
    if (goes_wrong(kind, path)) {                                                                            \
        go_wrong();                                                                                          \
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
        goes_wrong("fclose", path_of(file, path, sizeof path))) {
        go_wrong();
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
        real(file, bytes, size / 2);
        go_wrong();
        return -1;
    }
    return real(file, bytes, size);
}

ssize_t pwrite(int file, const void *bytes, size_t size, off_t offset)
{
    char path[1024];
    REAL(ssize_t, pwrite, int, const void *, size_t, off_t);
    if (goes_wrong("write", path_of(file, path, sizeof path))) {
        real(file, bytes, size / 2, offset);
        go_wrong();
        return -1;
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

int remove(const char *path)
{
    REAL(int, remove, const char *);
    FAIL_IF(removal(path), path, -1)
    return real(path);
}
