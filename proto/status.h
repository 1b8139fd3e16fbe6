/* The status log, `status.jsonl`: one JSON object a line, appended with one write, by the coordinator alone
 * (README, "Status"). Every record has t (Unix seconds), seq (rises by one) and kind. The reader follows the
 * log as `tail -F` does, by polling, so that it works on network file systems.
 */
#ifndef DAIL_PROTO_STATUS_H
#define DAIL_PROTO_STATUS_H

#include "proto/error.h"

#include <jansson.h>
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

/* Appends {t, seq, kind} and the members of `object` (but a t, seq or kind of its own), whose reference is
 * taken in any case (NULL is STATUS_INTERNAL: json_pack failed). STATUS_STORAGE: then seq has not advanced,
 * and the next record begins on a line of its own. */
enum status status_log_write(struct status_log *log, const char *kind, json_t *object, struct error *error);

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

/* The next record, or NULL when there is none yet: call again later. A rotated or truncated log is read from
 * its new beginning. The caller owns the reference. */
json_t *status_reader_next(struct status_reader *reader);

/* True when the log exists. */
bool status_reader_exists(const struct status_reader *reader);

void status_reader_close(struct status_reader *reader);

#endif
