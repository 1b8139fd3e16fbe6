#include "proto/status/status_log.h"

#include "proto/clock.h"
#include "proto/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_SIZE = 65536 };

/* Where seq goes on: one more than the last whole record's. */
static int64_t seq_after(const char *path)
{
    struct status_reader reader;
    int64_t next = 0;
    status_reader_open(&reader, path);
    struct status_record record;
    while (status_reader_next(&reader, &record)) {
        if (record.head.seq < STATUS_INTEGER_MAX && (record.head.seq > 0 || next == 0)) {
            next = record.head.seq + 1;
        }
        status_record_free(&record);
    }
    status_reader_close(&reader);
    return next;
}

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

enum status status_log_open(struct status_log *log, const char *path, struct error *error)
{
    *log = (struct status_log){.descriptor = -1};
    snprintf(log->path, sizeof log->path, "%s", path);
    enum status status = file_append(path, &log->descriptor, error);
    if (status == STATUS_OK) {
        /* First: a line that lacks nothing but its end is a record once it is ended. */
        status = end_torn_line(log->descriptor, path, error);
    }
    if (status != STATUS_OK) {
        status_log_close(log);
        return status;
    }
    log->next_seq = seq_after(path);
    return STATUS_OK;
}

/* The record's line, without its end; NULL: it is of no kind, or there is no memory. */
static char *format_line(const struct status_log *log, const struct status_record *record)
{
    struct status_record headed = *record;
    headed.head.t = clock_unix();
    headed.head.seq = log->next_seq;
    json_t *object = status_record_json(&headed);
    char *line = object ? json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(12)) : NULL;
    json_decref(object);
    return line;
}

enum status status_log_write(struct status_log *log, const struct status_record *record, struct error *error)
{
    char *line = format_line(log, record);
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

void status_log_close(struct status_log *log)
{
    if (log->descriptor >= 0) {
        close(log->descriptor);
    }
    log->descriptor = -1;
}

void status_reader_open(struct status_reader *reader, const char *path)
{
    *reader = (struct status_reader){.descriptor = -1};
    snprintf(reader->path, sizeof reader->path, "%s", path);
}

bool status_reader_exists(const struct status_reader *reader)
{
    struct stat info;
    return reader->descriptor >= 0 || stat(reader->path, &info) == 0;
}

void status_reader_close(struct status_reader *reader)
{
    if (reader->descriptor >= 0) {
        close(reader->descriptor);
    }
    free(reader->line);
    *reader = (struct status_reader){.descriptor = -1};
}

/* Appends what the file has to the unfinished line. False: nothing new. */
static bool fill(struct status_reader *reader)
{
    if (reader->descriptor < 0) {
        return false;
    }
    if (reader->length > STATUS_LINE_MAX) {
        reader->garbage += !reader->overlong;
        reader->overlong = true;
    }
    reader->length = reader->overlong ? 0 : reader->length;
    if (reader->length > 0) {
        memmove(reader->line, reader->line + reader->begin, reader->length);
    }
    reader->begin = 0;
    if (reader->room < reader->length + READ_SIZE) {
        char *grown = realloc(reader->line, reader->length + READ_SIZE);
        if (!grown) {
            return false;
        }
        reader->line = grown;
        reader->room = reader->length + READ_SIZE;
    }
    ssize_t count =
        pread(reader->descriptor, reader->line + reader->length, READ_SIZE, (off_t)reader->offset);
    if (count <= 0) {
        return false;
    }
    reader->length += (size_t)count;
    reader->offset += count;
    return true;
}

/* At the end of what there is: notices rotation (another file has the name) and truncation, and begins anew.
 * True: there may be more to read. */
static bool follow(struct status_reader *reader)
{
    struct stat info;
    if (stat(reader->path, &info) != 0 || !S_ISREG(info.st_mode)) {
        return false;
    }
    if (reader->descriptor >= 0 && info.st_ino == reader->inode && info.st_size >= reader->offset) {
        return false;
    }
    if (reader->descriptor >= 0) {
        /* What came after our last look, before the file lost its name. */
        if (fill(reader)) {
            return true;
        }
        close(reader->descriptor);
    }
    reader->descriptor = open(reader->path, O_RDONLY | O_CLOEXEC);
    if (reader->descriptor < 0 || fstat(reader->descriptor, &info) != 0) {
        return false;
    }
    reader->inode = info.st_ino;
    reader->offset = 0;
    reader->begin = reader->length = 0;
    reader->overlong = false;
    return true;
}

/* Takes the first whole line out of the buffer. False: there is none. */
static bool take_line(struct status_reader *reader, const char **line, size_t *size)
{
    *line = reader->line ? reader->line + reader->begin : "";
    const char *end = reader->length > 0 ? memchr(*line, '\n', reader->length) : NULL;
    if (!end) {
        return false;
    }
    *size = (size_t)(end - *line);
    reader->begin += *size + 1;
    reader->length -= *size + 1;
    if (reader->overlong) {
        *size = 0; /* the tail of a line that is counted already */
    }
    reader->overlong = false;
    return true;
}

bool status_reader_next(struct status_reader *reader, struct status_record *record)
{
    for (;;) {
        const char *line;
        size_t size;
        if (!take_line(reader, &line, &size)) {
            if (!fill(reader) && !follow(reader)) {
                return false;
            }
        } else if (status_record_read(line, size, record)) {
            return true;
        } else {
            reader->garbage += size > 0;
        }
    }
}
