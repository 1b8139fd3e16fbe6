#include "proto/status/status_log.h"

#include "proto/clock.h"
#include "proto/file.h"
#include "proto/status/status_digest.h"
#include "proto/status/status_reader.h"
#include "proto/status/status_segment.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Of the size at which a log is rotated: what its digest may take, and what it must have grown by before it is rotated
 * again where the digest takes more, or where a rotation failed. */
#define DIGEST_SHARE 0.25
/* A log that someone else moved away has a digest of so many bytes where there is no such size. */
#define DIGEST_BYTES 4e6

/* A torn last line must not swallow the next record. */
static enum status end_torn_line(int descriptor, const char *path, struct error *error)
{
    char last = '\n';
    off_t size = lseek(descriptor, 0, SEEK_END);
    if (size > 0 && pread(descriptor, &last, 1, size - 1) != 1) {
        return file_storage_error(error, path, "reading the status log", errno);
    }
    return last == '\n' ? STATUS_OK : file_write_all(descriptor, "\n", 1, path, error);
}

/* --- Beginning a log anew --- */

static bool is_same_file(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_dev == b->st_dev;
}

/* Puts a log in the place of what has the name that begins with a digest of what `descriptor` has open, and goes on
 * with it. */
static enum status begin_after(struct status_log *log, int descriptor, struct error *error)
{
    char *text;
    size_t size;
    int begun;
    double budget = log->limits.bytes > 0 ? log->limits.bytes * DIGEST_SHARE : DIGEST_BYTES;
    enum status status = status_digest_make(descriptor, (size_t)budget, &text, &size, error);
    if (status == STATUS_OK) {
        status = file_write_atomic(log->path, text, size, error);
    }
    if (status == STATUS_OK) {
        status = file_append(log->path, &begun, error);
    }
    if (status == STATUS_OK) {
        if (log->descriptor >= 0) {
            close(log->descriptor);
        }
        log->descriptor = begun;
        log->torn = false;
        log->rotate_at = log->limits.bytes;
        if (log->rotate_at < (double)size + budget) {
            log->rotate_at = (double)size + budget;
        }
    }
    free(text);
    return status;
}

/* Someone else moved the log away: what has its name now, if anything, is gone on with. */
static enum status begin_at_name(struct status_log *log, const struct stat *named, struct error *error)
{
    int begun;
    if (!named || (S_ISREG(named->st_mode) && named->st_size == 0)) {
        return begin_after(log, log->descriptor, error);
    }
    enum status status = file_append(log->path, &begun, error);
    if (status == STATUS_OK) {
        close(log->descriptor);
        log->descriptor = begun;
        log->rotate_at = log->limits.bytes;
        status = S_ISREG(named->st_mode) ? end_torn_line(begun, log->path, error) : status;
    }
    return status;
}

/* --- Rotation --- */

static void remove_old_segments(const struct status_log *log, const int64_t *numbers, size_t count)
{
    char path[PATH_SIZE];
    for (size_t i = 0; i + (size_t)log->limits.keep < count; i++) {
        if (status_segment_path(log->path, numbers[i], path, NULL) == STATUS_OK) {
            unlink(path);
        }
    }
}

/* Makes the log a segment: its second name. Where a file system has no such thing the log is without its own for a
 * moment. */
static enum status put_aside(const struct status_log *log, const struct stat *file, struct error *error)
{
    char path[PATH_SIZE];
    int64_t *numbers;
    if (status_segment_of(log->path, file) > 0) {
        return STATUS_OK; /* a rotation was broken off */
    }
    size_t count = status_segment_list(log->path, &numbers);
    int64_t next = count > 0 ? numbers[count - 1] + 1 : 1;
    free(numbers);
    enum status status = status_segment_path(log->path, next, path, error);
    if (status == STATUS_OK && link(log->path, path) != 0 && rename(log->path, path) != 0) {
        status = file_storage_error(error, path, "putting the status log aside", errno);
    }
    return status;
}

static enum status rotate(struct status_log *log, const struct stat *file, struct error *error)
{
    log->rotate_at = (double)file->st_size + log->limits.bytes * DIGEST_SHARE; /* should it fail */
    enum status status = put_aside(log, file, error);
    if (status == STATUS_OK) {
        status = begin_after(log, log->descriptor, error);
    }
    if (status == STATUS_OK) {
        int64_t *numbers;
        size_t count = status_segment_list(log->path, &numbers);
        remove_old_segments(log, numbers, count);
        free(numbers);
    }
    return status;
}

/* Sees to it that the next record goes to the file that has the log's name, and that this is no larger than it may
 * be. */
static enum status keep_place(struct status_log *log, struct error *error)
{
    struct stat own, named;
    if (fstat(log->descriptor, &own) != 0) {
        return file_storage_error(error, log->path, "looking up the status log", errno);
    }
    bool there = stat(log->path, &named) == 0;
    bool moved = !there || !is_same_file(&own, &named);
    struct stat entry;
    bool large = !moved && log->limits.bytes > 0 && (double)own.st_size >= log->rotate_at &&
                 lstat(log->path, &entry) == 0 &&
                 S_ISREG(entry.st_mode); /* what a link leads to stays there */
    if (!moved && !large) {
        return STATUS_OK;
    }
    enum status status = folder_lock_check(log->lock, error);
    if (status != STATUS_OK) {
        return status;
    }
    return moved ? begin_at_name(log, there ? &named : NULL, error) : rotate(log, &own, error);
}

/* --- Opening --- */

/* Opens what a log that is not there, or is empty, goes on from: the newest of the last segment and "<path>.1". -1: there
 * is nothing. */
static int open_predecessor(const char *log)
{
    char path[PATH_SIZE];
    int64_t *numbers;
    struct status_mark mark, other;
    size_t count = status_segment_list(log, &numbers);
    int newest = -1;
    if (count > 0 && status_segment_path(log, numbers[count - 1], path, NULL) == STATUS_OK) {
        newest = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    }
    free(numbers);
    snprintf(path, sizeof path, "%.*s.1", (int)sizeof path - 3, log);
    int moved = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    bool behind = moved >= 0 && status_reader_last(moved, &other) &&
                  (newest < 0 || !status_reader_last(newest, &mark) || other.seq > mark.seq);
    int left_out = behind ? newest : moved;
    if (left_out >= 0) {
        close(left_out);
    }
    return behind ? moved : newest;
}

/* A log that was moved away between two starts, or by a rotation that was broken off, is begun anew. */
static enum status replace_missing(struct status_log *log, struct error *error)
{
    struct stat named;
    enum status status = STATUS_OK;
    bool there = stat(log->path, &named) == 0;
    int before = there && (!S_ISREG(named.st_mode) || named.st_size > 0) ? -1 : open_predecessor(log->path);
    if (before >= 0) {
        status = begin_after(log, before, error);
        close(before);
    }
    return status;
}

enum status status_log_open(struct status_log *log, const char *path, const struct status_log_limits *limits,
                            struct folder_lock *lock, struct error *error)
{
    *log = (struct status_log){.descriptor = -1, .limits = *limits, .lock = lock, .rotate_at = limits->bytes};
    snprintf(log->path, sizeof log->path, "%s", path);
    enum status status = replace_missing(log, error);
    if (status == STATUS_OK && log->descriptor < 0) {
        status = file_append(path, &log->descriptor, error);
    }
    if (status == STATUS_OK) {
        /* First: a line that lacks nothing but its end is a record once it is ended. */
        status = end_torn_line(log->descriptor, path, error);
    }
    if (status != STATUS_OK) {
        status_log_close(log);
        return status;
    }
    struct status_mark last;
    log->next_seq = status_reader_last(log->descriptor, &last) ? last.seq + 1 : 0;
    return STATUS_OK;
}

void status_log_close(struct status_log *log)
{
    if (log->descriptor >= 0) {
        close(log->descriptor);
    }
    log->descriptor = -1;
}

/* --- Writing --- */

static enum status append(struct status_log *log, const struct status_record *record, struct error *error)
{
    struct status_record headed = *record;
    headed.head.t = clock_unix();
    headed.head.seq = log->next_seq;
    char *line = status_record_line(&headed);
    size_t length = line ? strlen(line) : 0;
    char *ended = line ? malloc(length + 2) : NULL;
    if (!ended) {
        free(line);
        const char *kind = status_kind_name(record->kind);
        return error_set(error, STATUS_INTERNAL, log->path, NULL, "a record (%s) could not be written",
                         kind ? kind : "of no kind");
    }
    size_t begin = log->torn ? 1 : 0;
    ended[0] = '\n';
    memcpy(ended + begin, line, length);
    ended[begin + length] = '\n';
    free(line);
    enum status status = file_write_all(log->descriptor, ended, begin + length + 1, log->path, error);
    free(ended);
    log->torn = status != STATUS_OK;
    log->next_seq += status == STATUS_OK;
    return status;
}

enum status status_log_write(struct status_log *log, const struct status_record *record, struct error *error)
{
    struct error own = {0};
    enum status kept = keep_place(log, &own);
    if (kept == STATUS_LOST) {
        *error = own;
        return kept;
    }
    enum status status = append(log, record, error);
    if (status == STATUS_OK && kept != STATUS_OK) {
        *error = own;
        return kept;
    }
    return status;
}
