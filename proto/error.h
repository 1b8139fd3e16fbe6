/* Errors are values. A function that can fail returns an `enum status` and, unless that is STATUS_OK,
 * fills the caller's `struct error` with what went wrong, where, and what to do next.
 *
 * The status is also the exit code of both programs (README, "Troubleshooting"): only a program's `main`
 * turns one into the other.
 */
#ifndef DAIL_PROTO_ERROR_H
#define DAIL_PROTO_ERROR_H

#include <stddef.h>

enum status {
    STATUS_OK = 0,
    STATUS_INTERNAL = 1, /* a bug of ours, or memory that ran out */
    STATUS_USAGE = 2, /* configuration or command line */
    STATUS_DATA = 3, /* a file is missing, corrupt or inconsistent */
    STATUS_NUMERIC = 4, /* a loss or gradient that is not finite */
    STATUS_LOST = 5, /* a rank or a host was lost */
    STATUS_STORAGE = 6, /* a write failed, or no space is left */
    STATUS_STOPPED = 75 /* stopped on request with a checkpoint in place */
};

enum {
    ERROR_TEXT_SIZE = 512,
    ERROR_NEXT_SIZE = 256,
    ERROR_LINE_SIZE =
        2 * ERROR_TEXT_SIZE + ERROR_NEXT_SIZE + 8 /* of the longest line that error_format writes */
};

struct error {
    enum status status;
    char what[ERROR_TEXT_SIZE]; /* the fault, as a sentence without its full stop */
    char where[ERROR_TEXT_SIZE]; /* file, dataset, shard, rank@host; may be empty */
    char next[ERROR_NEXT_SIZE]; /* what the user should do; may be empty */
    int number; /* errno of the call that failed; 0: it is not the system that failed */
};

/* Fills `error` (which may be NULL: then nothing is stored) and returns `status`, so that a caller
 * can write `return error_set(error, STATUS_DATA, path, "pack the dataset again", "label %u ...", label);`.
 * `where` and `next` may be NULL. `format` is printf's. Text that does not fit is cut. */
enum status error_set(struct error *error, enum status status, const char *where, const char *next,
                      const char *format, ...) __attribute__((format(printf, 5, 6)));

/* Memory ran out, for what `where` names: STATUS_INTERNAL, which it returns. */
enum status error_no_memory(struct error *error, const char *where);

/* Puts `prefix` and ": " before `error->where`: callers further up add what they know (a dataset, a rank). */
void error_prefix_where(struct error *error, const char *prefix);

/* Keeps the errno of the call that failed; `error` may be NULL. */
void error_of_system(struct error *error, int number);

/* Puts what the caller knows to be the better thing to do next in the place of what `error` says. */
void error_advise(struct error *error, const char *next);

/* Writes "what (where); next" in one line to `line`, always terminated; returns `line`. */
const char *error_format(const struct error *error, char *line, size_t size);

/* A short word for a status ("ok", "usage", "data", "numeric", "lost", "storage", "stopped", "internal"). */
const char *status_name(enum status status);

#endif
