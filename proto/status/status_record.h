/* The records of the status log. status_table.def is the one table of kinds, keys, types, units and meanings; here
 * it becomes a structure a kind, so that nothing can be written or read that the table does not have, and rows for
 * what walks over it: writing, reading, curves, dail-status(5), which documents the format.
 */
#ifndef DAIL_PROTO_STATUS_STATUS_RECORD_H
#define DAIL_PROTO_STATUS_STATUS_RECORD_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* --- The structures: struct status_step, status_worker, ... --- */

#define STATUS_C_INTEGER int64_t
#define STATUS_C_FIGURE double
#define STATUS_C_TEXT const char *
#define STATUS_C_OPTION const char *

#define PART(name) struct status_##name {
#define RECORD(name, NAME, meaning) PART(name)
#define FIELD(owner, type, member, key, unit, tag, when, meaning) STATUS_C_##type member;
#define OBJECT(owner, part, member, key, meaning) struct status_##part member;
#define LIST(owner, part, member, key, meaning)                                                              \
    struct {                                                                                                 \
        struct status_##part *at;                                                                            \
        size_t count;                                                                                        \
    } member;
#define END(name)                                                                                            \
    }                                                                                                        \
    ;
#include "proto/status/status_table.def"

#define PART(name)
#define RECORD(name, NAME, meaning) STATUS_KIND_##NAME,
#define FIELD(owner, type, member, key, unit, tag, when, meaning)
#define OBJECT(owner, part, member, key, meaning)
#define LIST(owner, part, member, key, meaning)
#define END(name)
enum status_kind {
    STATUS_KIND_UNKNOWN, /* of a later version: passed over */
#include "proto/status/status_table.def"
    STATUS_KINDS
};

#define PART(name)
#define RECORD(name, NAME, meaning) struct status_##name name;
#define FIELD(owner, type, member, key, unit, tag, when, meaning)
#define OBJECT(owner, part, member, key, meaning)
#define LIST(owner, part, member, key, meaning)
#define END(name)
struct status_record {
    enum status_kind kind;
    struct status_head head; /* filled in by what writes */
    union {
#include "proto/status/status_table.def"
    };
    int unknown; /* as read: members that the table does not have */
    char problem[128]; /* as read: the first member that is missing or of another type; empty: none */
    char *texts; /* as read: what the texts point into */
};

/* --- The rows --- */

enum status_type {
    STATUS_TYPE_INTEGER, /* int64_t */
    STATUS_TYPE_FIGURE, /* double; not finite: null */
    STATUS_TYPE_TEXT, /* const char * */
    STATUS_TYPE_OPTION, /* const char *; empty or NULL: null */
    STATUS_TYPE_OBJECT, /* the structure of `part` */
    STATUS_TYPE_LIST /* struct status_list of it */
};

struct status_list {
    void *at;
    size_t count;
};

struct status_part;

struct status_field {
    const char *key;
    enum status_type type;
    size_t offset; /* in its part's structure */
    const struct status_part *part; /* of an object or a list */
    const char *unit, *tag, *when, *meaning; /* may be empty: status_table.def */
};

struct status_part {
    const struct status_field *fields;
    size_t count;
    size_t size; /* of the structure */
};

/* What every record begins with. */
const struct status_part *status_head_part(void);
/* NULL for what is no kind. */
const struct status_part *status_kind_part(enum status_kind kind);
const char *status_kind_name(enum status_kind kind);
const char *status_kind_meaning(enum status_kind kind);

/* --- To and from JSON --- */

/* Within what a double holds exactly: nothing counted in a run is more, and sums of such do not overflow. */
#define STATUS_INTEGER_MAX ((int64_t)1 << 53)

/* The object of a part's values; the caller owns it. NULL: no memory. */
json_t *status_part_json(const struct status_part *part, const void *values);

/* The object of a whole record, its head first; NULL also for what is no kind. */
json_t *status_record_json(const struct status_record *record);

/* The record's line in the log, without its end; the caller frees it. NULL likewise. */
char *status_record_line(const struct status_record *record);

/* Sets all of a part to what a member that is missing reads as: 0, NaN, "", nothing. */
void status_part_clear(const struct status_part *part, void *values);

/* Reads a line. False: it is no record, no object with a kind (or memory ran out), and there is nothing to free.
 * Else the caller calls status_record_free. A member that is missing or of another type reads as
 * status_part_clear has it, and is a `problem`; integers are held within +-STATUS_INTEGER_MAX; texts have a question mark for each
 * control character, so that they can be shown on a terminal, and are never NULL. */
bool status_record_read(const char *line, size_t size, struct status_record *record);

/* Only of a record that was read: what others point to is theirs. */
void status_record_free(struct status_record *record);

#endif
