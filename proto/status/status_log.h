/* The status log, `status.jsonl`: one record a line (status_record.h), appended with one write, by the
 * coordinator alone. The reader follows the log as `tail -F` does, by polling, so that it works on network file
 * systems.
 */
#ifndef DAIL_PROTO_STATUS_STATUS_LOG_H
#define DAIL_PROTO_STATUS_STATUS_LOG_H

#include "proto/error.h"
#include "proto/status/status_record.h"

#include <stdbool.h>
#include <stdint.h>

/* A line longer than this is no record. */
#define STATUS_LINE_MAX (1u << 20)

struct status_log {
    int descriptor;
    char path[1024];
    int64_t next_seq;
    bool torn; /* a write failed: the file may end within a line */
};

/* Opens for appending, creating the file. An existing log is gone on with: seq continues after its last whole
 * record, and a line that a crash tore is ended. STATUS_STORAGE. */
enum status status_log_open(struct status_log *log, const char *path, struct error *error);

/* Appends a record, whose t and seq are the log's. STATUS_STORAGE: then seq has not advanced, and the next record
 * begins on a line of its own. STATUS_INTERNAL: it is of no kind, or memory ran out. */
enum status status_log_write(struct status_log *log, const struct status_record *record, struct error *error);

void status_log_close(struct status_log *log);

struct status_reader {
    char path[1024];
    int descriptor; /* -1: not open */
    uint64_t inode;
    int64_t offset; /* of the file, behind what was read */
    char *line; /* what was read and not yet given out: begins at `begin`, `length` bytes */
    size_t begin, length, room;
    bool overlong; /* within a line that is too long for a record */
    int64_t garbage; /* lines that were no records */
};

/* Never fails: a log that is not there yet is waited for. */
void status_reader_open(struct status_reader *reader, const char *path);

/* The next record; false when there is none yet: call again later. A rotated or truncated log is read from its
 * new beginning. The caller calls status_record_free after true. */
bool status_reader_next(struct status_reader *reader, struct status_record *record);

/* True when the log exists. */
bool status_reader_exists(const struct status_reader *reader);

void status_reader_close(struct status_reader *reader);

#endif
