/* The status log, `status.jsonl`: one record a line (status_record.h), appended with one write, by the
 * coordinator alone.
 *
 * When it has become large it is put aside as a segment (status_segment.h), and a new one takes its name that begins
 * with a digest of all before (status_digest.h). The name is never without a file: the segment is a second name of the
 * old one before the new one, whole and synced, replaces it. A process that dies in between leaves the old log under
 * two names, and the next rotation goes on from there. A log that someone else moved away is begun anew in the same
 * way.
 */
#ifndef DAIL_PROTO_STATUS_STATUS_LOG_H
#define DAIL_PROTO_STATUS_STATUS_LOG_H

#include "proto/error.h"
#include "proto/folder_lock.h"
#include "proto/status/status_record.h"

#include <stdbool.h>
#include <stdint.h>

struct status_log_limits {
    double bytes; /* a log of so many is rotated; 0: never */
    int keep; /* segments, the newest; older ones are removed */
};

struct status_log {
    int descriptor;
    char path[1024];
    struct status_log_limits limits;
    struct folder_lock
        *lock; /* on the log's folder, or NULL: asked before anything there is moved or removed */
    double rotate_at; /* bytes */
    int64_t next_seq;
    bool torn; /* a write failed: the file may end within a line */
};

/* Opens for appending, creating the file. An existing log is gone on with: seq continues after its last whole
 * record, and a line that a crash tore is ended; where there is none, after the newest segment, or after what was moved to
 * "<path>.1". `lock` stays the caller's. STATUS_STORAGE. */
enum status status_log_open(struct status_log *log, const char *path, const struct status_log_limits *limits,
                            struct folder_lock *lock, struct error *error);

/* Appends a record, whose t and seq are the log's. STATUS_STORAGE: the record could not be written, and seq has not
 * advanced, and the next record begins on a line of its own; or the log could not be rotated. STATUS_INTERNAL: it is of
 * no kind, or memory ran out. STATUS_LOST: the folder is another's by now. */
enum status status_log_write(struct status_log *log, const struct status_record *record, struct error *error);

void status_log_close(struct status_log *log);

#endif
