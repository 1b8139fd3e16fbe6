#include "proto/folder_lock.h"

#include "proto/clock.h"
#include "proto/file.h"
#include "proto/process.h"
#include "proto/strict_yaml.h"
#include "proto/text.h"
#include "proto/thread.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define TEXT_BYTES_MAX 4096
/* So many heartbeats in the time after which an owner is gone. */
#define BEATS 12
#define BEAT_SECONDS_MAX 15.0
/* Within so many of them an owner that lives shows it. */
#define BEATS_OF_LIFE 2
#define LOOK_NANOSECONDS 50000000L
/* The file until it is whole: "lock.<nonce>.new". */
#define NEW_ENDING ".new"
/* So long one may take to remove another's file: a few calls. */
#define CLAIM_SECONDS 5.0

struct folder_lock {
    char path[PATH_SIZE];
    struct folder_owner self;
    int descriptor;
    double period; /* of heartbeats, in seconds */
    _Atomic double confirmed; /* when the file was last seen to be this owner's */
    atomic_bool lost;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    bool ending;
};

/* --- What the file says --- */

bool folder_owner_is_valid(const struct folder_owner *owner)
{
    return owner->host[0] != '\0' && owner->pid > 0 && isfinite(owner->heartbeat) &&
           strlen(owner->nonce) == FOLDER_NONCE_SIZE - 1 &&
           strspn(owner->nonce, "0123456789abcdef") == FOLDER_NONCE_SIZE - 1;
}

static double age_of(const struct folder_owner *owner)
{
    return clock_unix() - owner->heartbeat;
}

const char *folder_owner_describe(const struct folder_owner *owner, char *text, size_t size)
{
    char age[32];
    double seconds = age_of(owner);
    text_duration(seconds > 0 ? seconds : 0, age, sizeof age);
    if (!folder_owner_is_valid(owner)) {
        snprintf(text, size, "one that has not told its name, begun %s ago", age);
        return text;
    }
    snprintf(text, size, "host %s, pid %" PRId64 ", %s%s, heartbeat %s ago", owner->host, owner->pid,
             owner->job[0] != '\0' ? "job " : "no job", owner->job, age);
    return text;
}

static enum status read_owner(const char *path, struct folder_owner *owner, struct error *error)
{
    char format[32];
    int version;
    const yaml_node_t *root;
    const struct strict_yaml_field fields[] = {
        {"dail_format", STRICT_YAML_NAME, format, sizeof format, 0, 0, false},
        {"version", STRICT_YAML_INT, &version, 0, 1, FOLDER_LOCK_VERSION, false},
        {"host", STRICT_YAML_NAME, owner->host, sizeof owner->host, 0, 0, false},
        {"pid", STRICT_YAML_INT64, &owner->pid, 0, 1, INT64_MAX, false},
        {"started", STRICT_YAML_UINT64, &owner->started, 0, 0, 0, false},
        {"job", STRICT_YAML_NAME, owner->job, sizeof owner->job, 0, 0, true},
        {"processes", STRICT_YAML_NAME, owner->processes, sizeof owner->processes, 0, 0, true},
        {"nonce", STRICT_YAML_NAME, owner->nonce, sizeof owner->nonce, 0, 0, false},
        {"heartbeat", STRICT_YAML_DOUBLE, &owner->heartbeat, 0, 0, 0, false}};
    struct strict_yaml yaml = {.name = path,
                               .has_lines = true,
                               .status = STATUS_DATA,
                               .next = "remove it if nobody is at work there"};
    *owner = (struct folder_owner){0};
    enum status status = strict_yaml_open(&yaml, TEXT_BYTES_MAX, &root, error);
    if (status != STATUS_OK) {
        return status;
    }
    status = strict_yaml_version(&yaml, root, "lock", FOLDER_LOCK_VERSION, error);
    if (status == STATUS_OK) {
        status = strict_yaml_fields(&yaml, root, fields, sizeof fields / sizeof *fields, error);
    }
    if (status == STATUS_OK && !folder_owner_is_valid(owner)) {
        status = strict_yaml_fault(&yaml, root, NULL, error, "this names no owner of a folder");
    }
    strict_yaml_close(&yaml);
    return status;
}

enum status folder_owner_read(const char *folder, struct folder_owner *owner, struct error *error)
{
    char path[PATH_SIZE];
    enum status status = file_join(folder, FOLDER_LOCK_NAME, path, error);
    return status == STATUS_OK ? read_owner(path, owner, error) : status;
}

enum status folder_owner_check(const char *folder, const char *nonce, struct error *error)
{
    struct folder_owner owner;
    char text[512];
    if (nonce[0] == '\0') {
        return STATUS_OK;
    }
    if (folder_owner_read(folder, &owner, error) != STATUS_OK) {
        if (error) {
            error->status = STATUS_STORAGE;
        }
        return STATUS_STORAGE;
    }
    return strcmp(owner.nonce, nonce) == 0
               ? STATUS_OK
               : error_set(error, STATUS_LOST, folder, "what is there is the new owner's",
                           "this run has lost the folder (%s)",
                           folder_owner_describe(&owner, text, sizeof text));
}

static void print_text(FILE *stream, const char *key, const char *text)
{
    if (text[0] != '\0') {
        fprintf(stream, "%s: ", key);
        strict_yaml_quote(stream, text);
        fputc('\n', stream);
    }
}

/* Of the same length each time, so that a text that is written over another is never torn but for the heartbeat. */
static enum status write_owner(const struct folder_lock *lock, struct error *error)
{
    char text[TEXT_BYTES_MAX] = "";
    const struct folder_owner *owner = &lock->self;
    FILE *stream = fmemopen(text, sizeof text, "w");
    if (!stream) {
        return error_no_memory(error, lock->path);
    }
    fprintf(stream, "dail_format: lock\nversion: %d\n", FOLDER_LOCK_VERSION);
    print_text(stream, "host", owner->host);
    fprintf(stream, "pid: %" PRId64 "\nstarted: %" PRIu64 "\n", owner->pid, owner->started);
    print_text(stream, "job", owner->job);
    print_text(stream, "processes", owner->processes);
    print_text(stream, "nonce", owner->nonce);
    fprintf(stream, "heartbeat: %.3f\n", owner->heartbeat);
    fclose(stream);
    size_t size = strlen(text);
    if (pwrite(lock->descriptor, text, size, 0) != (ssize_t)size) {
        return file_storage_error(error, lock->path, "writing", errno);
    }
    /* A change of the time goes to a file server at once, and what was written with it. */
    return futimens(lock->descriptor, NULL) == 0
               ? STATUS_OK
               : file_storage_error(error, lock->path, "setting the time", errno);
}

/* --- Holding it --- */

enum status folder_lock_check(struct folder_lock *lock, struct error *error)
{
    struct folder_owner owner;
    char text[512] = "its file is gone";
    if (!lock) {
        return STATUS_OK;
    }
    double before = clock_monotonic();
    enum status status = read_owner(lock->path, &owner, error);
    if (status == STATUS_OK && strcmp(owner.nonce, lock->self.nonce) == 0) {
        lock->confirmed = before;
        return STATUS_OK;
    }
    if (status == STATUS_OK) {
        folder_owner_describe(&owner, text, sizeof text);
    } else if (access(lock->path, F_OK) == 0 || errno != ENOENT) {
        if (error) {
            error->status = STATUS_STORAGE;
        }
        return STATUS_STORAGE;
    }
    lock->lost = true;
    return error_set(error, STATUS_LOST, lock->path,
                     "see what suspended this process, or cut it off; what is there is the new owner's",
                     "this process (pid %" PRId64 ") has lost the folder (%s), and writes nothing more there",
                     lock->self.pid, text);
}

bool folder_lock_is_lost(struct folder_lock *lock)
{
    if (lock && !lock->lost && clock_monotonic() - lock->confirmed > BEATS_OF_LIFE * lock->period) {
        folder_lock_check(lock, NULL);
    }
    return lock && lock->lost;
}

const char *folder_lock_nonce(const struct folder_lock *lock)
{
    return lock ? lock->self.nonce : "";
}

static void *beat(void *context)
{
    struct folder_lock *lock = context;
    pthread_mutex_lock(&lock->mutex);
    while (!lock->ending) {
        thread_condition_wait(&lock->wake, &lock->mutex, lock->period);
        if (!lock->ending) {
            pthread_mutex_unlock(&lock->mutex);
            lock->self.heartbeat = clock_unix();
            /* A heartbeat that fails is one that is missed. */
            write_owner(lock, NULL);
            folder_lock_check(lock, NULL);
            pthread_mutex_lock(&lock->mutex);
        }
    }
    pthread_mutex_unlock(&lock->mutex);
    return NULL;
}

static enum status start_thread(struct folder_lock *lock, struct error *error)
{
    pthread_mutex_init(&lock->mutex, NULL);
    thread_condition_init(&lock->wake);
    return thread_start(&lock->thread, beat, lock, lock->path, error);
}

/* --- Taking it --- */

enum verdict {
    VERDICT_ALIVE,
    VERDICT_GONE,
    VERDICT_ANOTHER /* the file is not there any more, or another's */
};

/* What the file says; where it says nothing, as may be on a file system without links or after a power cut, the time
 * it was made. False where there is none. */
static bool look(const char *path, struct folder_owner *owner)
{
    struct stat info;
    if (read_owner(path, owner, NULL) == STATUS_OK) {
        return true;
    }
    *owner = (struct folder_owner){0};
    if (lstat(path, &info) != 0) {
        return false;
    }
    owner->heartbeat = (double)info.st_mtim.tv_sec + 1e-9 * (double)info.st_mtim.tv_nsec;
    return true;
}

/* Whether the owner lives. Its process tells where it can be seen, its heartbeat elsewhere: that is watched, since its
 * clock may be another. */
static enum verdict judge(const struct folder_lock *lock, const struct folder_claim *claim,
                          const struct folder_owner *owner)
{
    const char *here = lock->self.processes;
    double age = age_of(owner), stale = claim->stale_seconds;
    if (here[0] != '\0' && strcmp(owner->processes, here) == 0) {
        if (process_is_gone(owner->pid) || process_started(owner->pid) != owner->started) {
            return VERDICT_GONE;
        }
        if (age < stale) {
            return VERDICT_ALIVE;
        }
    }
    double patience = stale - age < stale ? stale - age : stale;
    double least = BEATS_OF_LIFE * lock->period;
    patience = patience > least ? patience : least;
    if (claim->tell) {
        char text[512], line[PATH_SIZE + 640];
        snprintf(line, sizeof line, "waiting up to %.0f s to see whether the owner of %s lives: %s", patience,
                 lock->path, folder_owner_describe(owner, text, sizeof text));
        claim->tell(line);
    }
    for (double begin = clock_monotonic(); clock_monotonic() - begin < patience;) {
        struct folder_owner now;
        if (claim->stop && *claim->stop) {
            return VERDICT_ALIVE;
        }
        nanosleep(&(struct timespec){.tv_nsec = LOOK_NANOSECONDS}, NULL);
        if (!look(lock->path, &now) || strcmp(now.nonce, owner->nonce) != 0) {
            return VERDICT_ANOTHER;
        }
        if (now.heartbeat != owner->heartbeat) {
            return VERDICT_ALIVE;
        }
    }
    return VERDICT_GONE;
}

/* Waits for another's end with `aside`, which is its claim to take the file away; one that died at it holds nobody. */
static enum status wait_for_claim(const char *aside, struct error *error)
{
    for (double begin = clock_monotonic(); clock_monotonic() - begin < CLAIM_SECONDS;) {
        if (access(aside, F_OK) != 0 && errno == ENOENT) {
            return STATUS_OK;
        }
        nanosleep(&(struct timespec){.tv_nsec = LOOK_NANOSECONDS}, NULL);
    }
    return unlink(aside) == 0 || errno == ENOENT ? STATUS_OK
                                                 : file_storage_error(error, aside, "removing", errno);
}

/* Takes the file of an owner that is gone out of the way. Of several that try, the one that gives it the second name
 * does; a name that was given to a newer file is taken back. */
static enum status set_aside(const struct folder_lock *lock, const struct folder_owner *gone,
                             struct error *error)
{
    char aside[PATH_SIZE + FOLDER_NONCE_SIZE];
    struct folder_owner now;
    snprintf(aside, sizeof aside, "%s.%s", lock->path, gone->nonce[0] != '\0' ? gone->nonce : "unnamed");
    bool claimed = link(lock->path, aside) == 0;
    if (!claimed && errno == ENOENT) {
        return STATUS_OK;
    }
    if (!claimed && errno == EEXIST) {
        return wait_for_claim(aside, error);
    }
    /* A file system without links has no such claim: there the nonce tells who was late. */
    enum status status = STATUS_OK;
    if (look(claimed ? aside : lock->path, &now) && strcmp(now.nonce, gone->nonce) == 0 &&
        now.heartbeat == gone->heartbeat && unlink(lock->path) != 0 && errno != ENOENT) {
        status = file_storage_error(error, lock->path, "removing", errno);
    }
    if (claimed && unlink(aside) != 0 && errno != ENOENT && status == STATUS_OK) {
        status = file_storage_error(error, aside, "removing", errno);
    }
    return status;
}

/* Refuses the folder of an owner that is alive, and makes way where it is gone. */
static enum status contend(const struct folder_lock *lock, const struct folder_claim *claim, char *warning,
                           size_t size, struct error *error)
{
    struct folder_owner owner;
    char text[512];
    if (!look(lock->path, &owner)) {
        return STATUS_OK;
    }
    switch (judge(lock, claim, &owner)) {
    case VERDICT_ALIVE:
        return error_set(error, STATUS_USAGE, lock->path, claim->next, "the folder is in use by another: %s",
                         folder_owner_describe(&owner, text, sizeof text));
    case VERDICT_GONE:
        folder_owner_describe(&owner, text, sizeof text);
        snprintf(warning, size, "%s is taken over from an owner that is gone or stands still: %s", lock->path,
                 text);
        return set_aside(lock, &owner, error);
    case VERDICT_ANOTHER:
        break;
    }
    return STATUS_OK;
}

static enum status introduce(struct folder_owner *owner, struct error *error)
{
    uint64_t nonce;
    const char *job = getenv("SLURM_JOB_ID");
    if (getrandom(&nonce, sizeof nonce, 0) != (ssize_t)sizeof nonce) {
        return error_set(error, STATUS_INTERNAL, NULL, NULL, "the system gives no random numbers: %s",
                         strerror(errno));
    }
    snprintf(owner->nonce, sizeof owner->nonce, "%016" PRIx64, nonce);
    gethostname(owner->host, sizeof owner->host - 1);
    process_table_name(owner->processes, sizeof owner->processes);
    text_copy(job ? job : "", owner->job, sizeof owner->job);
    owner->pid = getpid();
    owner->started = process_started(owner->pid);
    return STATUS_OK;
}

/* Makes the file under a name of its own and writes it. */
static enum status write_new(struct folder_lock *lock, const char *path, struct error *error)
{
    lock->descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (lock->descriptor < 0) {
        return file_storage_error(error, lock->path, "creating the file", errno);
    }
    lock->self.heartbeat = clock_unix();
    lock->confirmed = clock_monotonic();
    enum status status = write_owner(lock, error);
    if (status != STATUS_OK) {
        unlink(path);
    }
    return status;
}

/* Gives the file that is whole the name. A file server's answer may get lost: then a second name tells. */
static bool give_name(const struct folder_lock *lock, const char *path)
{
    struct stat info;
    if (link(path, lock->path) == 0) {
        return true;
    }
    int number = errno;
    bool named = fstat(lock->descriptor, &info) == 0 && info.st_nlink > 1;
    errno = number;
    return named;
}

/* Makes the lock, whole from its first instant: its text is written under another name. Where another's has the name,
 * or the owner of the folder has cleared this one's text away, nothing is made. */
static enum status make(struct folder_lock *lock, struct error *error)
{
    char path[PATH_SIZE + FOLDER_NONCE_SIZE + sizeof NEW_ENDING];
    snprintf(path, sizeof path, "%s.%s" NEW_ENDING, lock->path, lock->self.nonce);
    enum status status = write_new(lock, path, error);
    if (status != STATUS_OK) {
        return status;
    }
    bool named = give_name(lock, path);
    int number = errno;
    unlink(path);
    if (named) {
        return STATUS_OK;
    }
    close(lock->descriptor);
    lock->descriptor = -1;
    if (number == EEXIST || number == ENOENT) {
        return STATUS_OK;
    }
    if (number == EPERM || number == EOPNOTSUPP || number == ENOSYS || number == EMLINK) {
        /* A file system without links: the name comes first there. */
        status = write_new(lock, lock->path, error);
        return status != STATUS_OK && lock->descriptor < 0 && file_exists(lock->path) ? STATUS_OK : status;
    }
    return file_storage_error(error, lock->path, "giving the file its name", number);
}

/* Removes what starts that died before they had a lock have left beside it. */
static void clear_new(const char *folder)
{
    DIR *directory = opendir(folder);
    const size_t length = sizeof FOLDER_LOCK_NAME - 1;
    for (struct dirent *entry = directory ? readdir(directory) : NULL; entry; entry = readdir(directory)) {
        const char *name = entry->d_name;
        if (strncmp(name, FOLDER_LOCK_NAME, length) == 0 && name[length] == '.' &&
            strlen(name + length) == FOLDER_NONCE_SIZE + sizeof NEW_ENDING - 1 &&
            text_ends_with(name, NEW_ENDING)) {
            unlinkat(dirfd(directory), name, 0);
        }
    }
    if (directory) {
        closedir(directory);
    }
}

static enum status acquire(struct folder_lock *lock, const struct folder_claim *claim, char *warning,
                           size_t size, struct error *error)
{
    enum status status = STATUS_OK;
    while (status == STATUS_OK && lock->descriptor < 0) {
        status = contend(lock, claim, warning, size, error);
        if (status == STATUS_OK) {
            status = make(lock, error);
        }
    }
    if (status == STATUS_OK) {
        clear_new(claim->folder);
        status = start_thread(lock, error);
        if (status != STATUS_OK) {
            unlink(lock->path);
        }
    }
    return status;
}

enum status folder_lock_take(const struct folder_claim *claim, struct folder_lock **result, char *warning,
                             size_t size, struct error *error)
{
    struct folder_lock *lock = calloc(1, sizeof *lock);
    warning[0] = '\0';
    *result = NULL;
    if (!lock) {
        return error_no_memory(error, claim->folder);
    }
    lock->descriptor = -1;
    lock->period = claim->stale_seconds / BEATS;
    lock->period = lock->period < BEAT_SECONDS_MAX ? lock->period : BEAT_SECONDS_MAX;
    enum status status = file_join(claim->folder, FOLDER_LOCK_NAME, lock->path, error);
    if (status == STATUS_OK) {
        status = introduce(&lock->self, error);
    }
    if (status == STATUS_OK) {
        status = acquire(lock, claim, warning, size, error);
    }
    if (status == STATUS_OK) {
        *result = lock;
        return STATUS_OK;
    }
    if (lock->descriptor >= 0) {
        close(lock->descriptor);
    }
    free(lock);
    return status;
}

void folder_lock_release(struct folder_lock *lock)
{
    if (!lock) {
        return;
    }
    pthread_mutex_lock(&lock->mutex);
    lock->ending = true;
    pthread_cond_signal(&lock->wake);
    pthread_mutex_unlock(&lock->mutex);
    pthread_join(lock->thread, NULL);
    if (folder_lock_check(lock, NULL) == STATUS_OK) {
        unlink(lock->path);
    }
    close(lock->descriptor);
    pthread_cond_destroy(&lock->wake);
    pthread_mutex_destroy(&lock->mutex);
    free(lock);
}
