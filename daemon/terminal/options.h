/* Command lines: one table of options drives the parsing, the checking and what --help prints.
 */
#ifndef DAIL_DAEMON_TERMINAL_OPTIONS_H
#define DAIL_DAEMON_TERMINAL_OPTIONS_H

#include "proto/error.h"

#include <stdbool.h>
#include <stddef.h>

enum option_kind {
    OPTION_FLAG, /* bool *: set to true; takes no value */
    OPTION_INT, /* int *, within [min, max] unless both are 0 */
    OPTION_DOUBLE, /* double *, likewise */
    OPTION_STRING, /* const char **: points into argv */
    OPTION_LIST /* struct option_list *: each occurrence adds a value */
};

/* Values of an option that may be repeated, in the order given. Begin with {0}; free with option_list_free.
 */
struct option_list {
    const char **values; /* point into argv */
    size_t count;
};

struct option_spec {
    const char *name; /* without the dashes; "--<name> VALUE" and "--<name>=VALUE" */
    char short_name; /* 0: none; "-s VALUE" */
    enum option_kind kind;
    void *value; /* holds the default before, what was given afterwards */
    const char *metavar; /* what the value is called in --help; NULL for flags */
    const char *help; /* one line */
    double min, max;
};

/* Parses argv[1..argc). Options and positional arguments may be mixed; "--" ends the options; a number such
 * as "-1" is positional. "--help" (and "-h" unless the table has it) prints `usage` and the table to stdout
 * and sets *help: the caller then has nothing more to do. "--help=man" prints the same for a man page,
 * "--help=words" the options alone (options_help.h).
 *   usage: "usage: dail eval [OPTIONS] CHECKPOINT SET...", may have further lines
 *   positional [positional_max]: receives what is no option, *positional_count of them
 * STATUS_USAGE for an unknown option (names the nearest), a missing or bad value, or too many positionals. */
enum status options_parse(const char *usage, const struct option_spec *specs, size_t count, int argc,
                          char **argv, const char **positional, size_t positional_max,
                          size_t *positional_count, bool *help, struct error *error);

void option_list_free(struct option_list *list);

/* The candidate nearest to `word` by edit distance; NULL if all are far away. `candidates` are read with a
 * stride of `stride` bytes, so that the first member of a table's rows can serve. */
const char *option_nearest(const char *word, const char *const *candidates, size_t count, size_t stride);

#endif
