#include "proto/status/status_reader.h"

#include "proto/status/status_segment.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { READ_SIZE = 65536 };

static const struct status_mark no_mark = {.seq = 0, .t = (double)NAN};

void status_reader_open(struct status_reader *reader, const char *path)
{
    *reader = (struct status_reader){.descriptor = -1, .given = no_mark, .before = no_mark};
    snprintf(reader->path, sizeof reader->path, "%s", path);
}

void status_reader_open_whole(struct status_reader *reader, const char *path)
{
    status_reader_open(reader, path);
    reader->whole = true;
}

bool status_reader_open_descriptor(struct status_reader *reader, int descriptor)
{
    status_reader_open(reader, "");
    reader->descriptor = fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
    return reader->descriptor >= 0;
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

/* --- From file to file --- */

/* Begins to read what `descriptor` has open. */
static bool begin_file(struct status_reader *reader, int descriptor, int64_t segment)
{
    struct stat info;
    if (descriptor < 0 || fstat(descriptor, &info) != 0 || !S_ISREG(info.st_mode)) {
        if (descriptor >= 0) {
            close(descriptor);
        }
        return false;
    }
    if (reader->descriptor >= 0) {
        close(reader->descriptor);
    }
    reader->descriptor = descriptor;
    reader->segment = segment;
    reader->inode = info.st_ino;
    reader->device = info.st_dev;
    reader->offset = 0;
    reader->begin = reader->length = 0;
    reader->overlong = false;
    reader->before = reader->given;
    return true;
}

/* The segment behind which to read on: that which is read, or which the log has become; -1: none. */
static int64_t segment_read(const struct status_reader *reader)
{
    const struct stat file = {.st_ino = reader->inode, .st_dev = reader->device};
    if (reader->segment > 0) {
        return reader->segment;
    }
    if (reader->descriptor < 0) {
        return reader->whole ? 0 : -1;
    }
    int64_t number = status_segment_of(reader->path, &file);
    return number > 0 ? number : -1;
}

/* Goes on to the first segment behind what was read that is still there, else to the log. The log is opened first: had
 * it been put aside before that, then the list has it. */
static bool begin_next(struct status_reader *reader)
{
    char path[PATH_SIZE];
    int log = open(reader->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    int64_t behind = segment_read(reader), *numbers = NULL;
    size_t count = behind >= 0 ? status_segment_list(reader->path, &numbers) : 0;
    bool begun = false;
    for (size_t i = 0; i < count && !begun; i++) {
        begun = numbers[i] > behind &&
                status_segment_path(reader->path, numbers[i], path, NULL) == STATUS_OK &&
                begin_file(reader, open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), numbers[i]);
    }
    free(numbers);
    if (begun && log >= 0) {
        close(log);
    }
    return begun || begin_file(reader, log, 0);
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
    if (reader->segment > 0 || (reader->descriptor < 0 && reader->whole)) {
        return begin_next(reader);
    }
    if (stat(reader->path, &info) != 0 || !S_ISREG(info.st_mode)) {
        return false;
    }
    if (reader->descriptor >= 0 && info.st_ino == reader->inode && info.st_dev == reader->device) {
        return info.st_size < reader->offset &&
               begin_file(reader, open(reader->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), 0);
    }
    /* What came after our last look, before the file lost its name. */
    return fill(reader) || begin_next(reader);
}

void status_reader_skip(struct status_reader *reader)
{
    struct stat info;
    char last = '\n';
    if (!begin_next(reader) || fstat(reader->descriptor, &info) != 0) {
        return;
    }
    status_reader_last(reader->descriptor, &reader->given);
    reader->offset = info.st_size;
    if (info.st_size > 0 && pread(reader->descriptor, &last, 1, info.st_size - 1) == 1) {
        reader->overlong = last != '\n'; /* what follows it is the end of a line that began before */
    }
}

/* --- Records --- */

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

static bool was_given(const struct status_reader *reader, const struct status_record *record)
{
    return record->head.seq <= reader->before.seq && record->head.t <= reader->before.t;
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
        } else if (!status_record_read(line, size, record)) {
            reader->garbage += size > 0;
        } else if (was_given(reader, record)) {
            status_record_free(record);
        } else {
            reader->given = (struct status_mark){.seq = record->head.seq, .t = record->head.t};
            return true;
        }
    }
}

/* --- The last record --- */

static bool is_numbered(int64_t seq)
{
    return seq > 0 && seq < STATUS_INTEGER_MAX;
}

/* The last record that has a number among the lines of text[size], else the first of those that have none. */
static bool last_in(const char *text, size_t size, struct status_mark *mark)
{
    bool found = false;
    while (size > 0 && !(found && is_numbered(mark->seq))) {
        const char *before = memrchr(text, '\n', size - 1);
        const char *line = before ? before + 1 : text;
        struct status_record record;
        if (status_record_read(line, (size_t)(text + size - line), &record)) {
            if (is_numbered(record.head.seq) || (record.head.seq == 0 && !found)) {
                *mark = (struct status_mark){.seq = record.head.seq, .t = record.head.t};
                found = true;
            }
            status_record_free(&record);
        }
        size = (size_t)(line - text);
    }
    return found;
}

bool status_reader_last(int descriptor, struct status_mark *mark)
{
    bool found = false, done = false;
    char *text = NULL;
    struct stat info;
    *mark = no_mark;
    if (fstat(descriptor, &info) != 0) {
        return false;
    }
    for (off_t size = READ_SIZE; !done; size *= 8) {
        off_t begin = info.st_size > size ? info.st_size - size : 0;
        char *grown = realloc(text, (size_t)(info.st_size - begin) + 1);
        if (!grown) {
            break;
        }
        text = grown;
        ssize_t count = pread(descriptor, text, (size_t)(info.st_size - begin), begin);
        size_t length = count > 0 ? (size_t)count : 0;
        /* The first line may have begun before. */
        const char *line = begin > 0 ? memchr(text, '\n', length) : text;
        found = line && last_in(line, length - (size_t)(line - text), mark);
        done = begin == 0 || (found && is_numbered(mark->seq));
    }
    free(text);
    return found;
}
