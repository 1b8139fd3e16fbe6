#include "proto/status.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIECE = 1 << 16, LINE_MAX_BYTES = 1 << 26 };

struct status_reader {
    char *path;
    int descriptor; /* -1: the file is not there */
    off_t offset; /* of the next byte to read */
    char *text; /* what was read and not yet given out */
    size_t begin, end, room;
    bool overlong; /* inside a line that is too long to be a record */
    bool found;
    uint64_t garbage;
};

enum status status_reader_open(const char *path, struct status_reader **reader, struct error *error)
{
    struct status_reader *opened = calloc(1, sizeof *opened);
    char *copy = strdup(path);
    if (!opened || !copy) {
        free(opened);
        free(copy);
        return error_set(error, STATUS_INTERNAL, path, NULL, "out of memory");
    }
    opened->path = copy;
    opened->descriptor = -1;
    *reader = opened;
    return STATUS_OK;
}

/* The record that a line holds; NULL, and counted, if it holds none. An empty line is nothing at all. */
static json_t *parse_line(struct status_reader *reader, const char *line, size_t length)
{
    if (length == 0) {
        return NULL;
    }
    json_t *record = json_loadb(line, length, JSON_REJECT_DUPLICATES, NULL);
    if (json_is_string(json_object_get(record, "kind"))) {
        return record;
    }
    json_decref(record);
    reader->garbage++;
    return NULL;
}

/* The next record among the lines that are already here; NULL if none is left. */
static json_t *next_buffered(struct status_reader *reader)
{
    while (reader->begin < reader->end) {
        char *line = reader->text + reader->begin;
        char *newline = memchr(line, '\n', reader->end - reader->begin);
        if (!newline) {
            break;
        }
        reader->begin += (size_t)(newline - line) + 1;
        if (reader->overlong) {
            reader->overlong = false;
            continue;
        }
        json_t *record = parse_line(reader, line, (size_t)(newline - line));
        if (record) {
            return record;
        }
    }
    return NULL;
}

/* Room for another piece after what is left of the last. */
static enum status make_room(struct status_reader *reader, struct error *error)
{
    size_t left = reader->end - reader->begin;
    if (left > LINE_MAX_BYTES && !reader->overlong) {
        reader->overlong = true;
        reader->garbage++;
    }
    left = reader->overlong ? 0 : left;
    if (left > 0) {
        memmove(reader->text, reader->text + reader->begin, left);
    }
    reader->begin = 0;
    reader->end = left;
    if (reader->room >= left + PIECE) {
        return STATUS_OK;
    }
    size_t room = 2 * left + PIECE;
    char *text = realloc(reader->text, room);
    if (!text) {
        return error_set(error, STATUS_INTERNAL, reader->path, NULL, "out of memory");
    }
    reader->text = text;
    reader->room = room;
    return STATUS_OK;
}

/* Reads one piece; *got is 0 at the file's end. A handle that went stale (NFS) counts as the end. */
static enum status read_piece(struct status_reader *reader, size_t *got, struct error *error)
{
    ssize_t count;
    *got = 0;
    enum status status = reader->descriptor < 0 ? STATUS_OK : make_room(reader, error);
    if (reader->descriptor < 0 || status != STATUS_OK) {
        return status;
    }
    do {
        count = pread(reader->descriptor, reader->text + reader->end, PIECE, reader->offset);
    } while (count < 0 && errno == EINTR);
    if (count < 0 && errno == ESTALE) {
        return STATUS_OK;
    }
    if (count < 0) {
        return error_set(error, STATUS_DATA, reader->path, "check the path", "cannot read the status log: %s",
                         strerror(errno));
    }
    reader->end += (size_t)count;
    reader->offset += count;
    *got = (size_t)count;
    return STATUS_OK;
}

static void start_over(struct status_reader *reader)
{
    reader->offset = 0;
    reader->begin = reader->end = 0;
    reader->overlong = false;
}

/* Opens the path again: a network file system shows growth to who opens, and another file may have taken the
 * name. A file that was cut, or another one, is read from its beginning. */
static enum status reopen(struct status_reader *reader, bool *replaced, struct error *error)
{
    struct stat before = {0}, after;
    *replaced = false;
    int descriptor = open(reader->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    reader->found = descriptor >= 0;
    if (descriptor < 0 && (errno == ENOENT || errno == ENOTDIR || errno == ESTALE)) {
        return STATUS_OK;
    }
    if (descriptor < 0 || fstat(descriptor, &after) != 0 || !S_ISREG(after.st_mode)) {
        int number = descriptor < 0 ? errno : EINVAL;
        if (descriptor >= 0) {
            close(descriptor);
        }
        return error_set(error, STATUS_DATA, reader->path, "name the run's folder or its status.jsonl",
                         "cannot read the status log: %s", strerror(number));
    }
    bool other = reader->descriptor < 0 || fstat(reader->descriptor, &before) != 0 ||
                 before.st_ino != after.st_ino || before.st_dev != after.st_dev;
    if (other && reader->descriptor >= 0) {
        /* What the old file got between our last look and its replacement still counts. */
        size_t got = 0;
        struct error ignored;
        if (read_piece(reader, &got, &ignored) == STATUS_OK && got > 0) {
            close(descriptor);
            *replaced = true;
            return STATUS_OK;
        }
    }
    if (other || after.st_size < reader->offset) {
        start_over(reader);
        *replaced = true;
    }
    if (reader->descriptor >= 0) {
        close(reader->descriptor);
    }
    reader->descriptor = descriptor;
    return STATUS_OK;
}

enum status status_reader_next(struct status_reader *reader, json_t **record, struct error *error)
{
    bool looked = false;
    for (;;) {
        *record = next_buffered(reader);
        if (*record) {
            return STATUS_OK;
        }
        size_t got;
        bool replaced = false;
        enum status status = read_piece(reader, &got, error);
        if (status == STATUS_OK && got == 0 && !looked) {
            status = reopen(reader, &replaced, error);
            looked = !replaced;
            got = 1;
        }
        if (status != STATUS_OK || got == 0) {
            return status;
        }
    }
}

bool status_reader_found(const struct status_reader *reader)
{
    return reader->found;
}

uint64_t status_reader_garbage(const struct status_reader *reader)
{
    return reader->garbage;
}

void status_reader_close(struct status_reader *reader)
{
    if (!reader) {
        return;
    }
    if (reader->descriptor >= 0) {
        close(reader->descriptor);
    }
    free(reader->text);
    free(reader->path);
    free(reader);
}
