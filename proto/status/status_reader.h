/* Reads a status log, and follows it as `tail -F` does, by polling, so that it works on network file systems.
 *
 * A log that has been rotated begins with copies of older records (status_digest.h). They are given out by a reader
 * that begins there, and passed over by one that has read on from the segment before. */
#ifndef DAIL_PROTO_STATUS_STATUS_READER_H
#define DAIL_PROTO_STATUS_STATUS_READER_H

#include "proto/status/status_record.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* A line longer than this is no record. */
#define STATUS_LINE_MAX (1u << 20)

/* Which record it is among all of a log: the numbers begin anew in a log that was thrown away, the time does not. */
struct status_mark {
    int64_t seq;
    double t; /* NaN: of none */
};

struct status_reader {
    char path[1024];
    bool whole; /* begins with the oldest segment */
    int descriptor; /* -1: not open */
    int64_t segment; /* that is read; 0: the log itself */
    ino_t inode; /* of what is read */
    dev_t device;
    int64_t offset; /* of the file, behind what was read */
    char *line; /* what was read and not yet given out: begins at `begin`, `length` bytes */
    size_t begin, length, room;
    bool overlong; /* within a line that is too long for a record */
    struct status_mark given, before; /* the last record given out: so far, and when this file was begun */
    int64_t garbage; /* lines that were no records */
};

/* Reads the log itself. Never fails: a log that is not there yet is waited for. */
void status_reader_open(struct status_reader *reader, const char *path);

/* The same, all segments that are there first: each record whole and once, and copies only of what is in none. */
void status_reader_open_whole(struct status_reader *reader, const char *path);

/* Reads an open file, in which another reader or writer may be anywhere, from its beginning to its end as it is then.
 * `descriptor` stays the caller's. False: there is no descriptor left. */
bool status_reader_open_descriptor(struct status_reader *reader, int descriptor);

/* Passes over what is there by now, without reading more than its end. */
void status_reader_skip(struct status_reader *reader);

/* The next record; false when there is none yet: call again later. A rotated or truncated log is read from its
 * new beginning. The caller calls status_record_free after true. */
bool status_reader_next(struct status_reader *reader, struct status_record *record);

/* True when the log exists. */
bool status_reader_exists(const struct status_reader *reader);

void status_reader_close(struct status_reader *reader);

/* The last record of an open file that has a number, found from the end. False, and *mark is of none: there is no
 * record at all. */
bool status_reader_last(int descriptor, struct status_mark *mark);

#endif
