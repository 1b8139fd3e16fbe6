/* Options of a command line. A constant table says all of each: where its value goes, what it may be, what it
 * is for. Parsing, refusals, --help, the man pages and the shell's completion read it.
 */
#ifndef DAIL_DAEMON_TERMINAL_OPTIONS_H
#define DAIL_DAEMON_TERMINAL_OPTIONS_H

#include "proto/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum option_kind {
    OPTION_FLAG, /* bool: set to true; takes no value */
    OPTION_INT, /* int within [min, max] */
    OPTION_UINT64, /* uint64_t within [min, max] */
    OPTION_SIZE, /* uint64_t, bytes within [min, max]: a number of MiB, or one that ends in K, M, G or T */
    OPTION_DOUBLE, /* double within [low, high] */
    OPTION_CHOICE, /* an enum: the word's index in choices plus min */
    OPTION_STRING, /* const char *: points into argv; one of the choices where the row has some */
    OPTION_STRINGS, /* struct option_strings: each occurrence adds a value */
    OPTION_NUMBERS /* struct option_numbers: "9,10", each within [min, max] */
};

/* What a text stands for: the shell's completion offers such. */
enum option_word {
    WORD_ANY,
    WORD_FILE, /* with one of the endings, if there are any */
    WORD_FOLDER,
    WORD_RUN, /* a run's folder */
    WORD_MODEL, /* a run's folder, a checkpoint, or a file with one of the endings */
    WORD_SETTING /* KEY=VALUE of the configuration */
};

/* Values of an option that may be repeated, in the order given: they point into argv. */
struct option_strings {
    const char **values;
    size_t count;
};

struct option_numbers {
    int *values;
    size_t count;
};

/* A row of a table; one without a name ends it. What a row leaves out is 0. */
struct option_spec {
    const char *name; /* without the dashes; "--<name> VALUE" and "--<name>=VALUE" */
    char short_name; /* 0: none; "-s VALUE" */
    enum option_kind kind;
    size_t offset; /* of the value in the command's values */
    const char *metavar; /* what the value is called in --help; NULL for flags and where there are choices */
    const char *help; /* one line */
    uint64_t min, max; /* of whole numbers */
    double low, high;
    const char *choices; /* words parted by '|' */
    const char *key; /* the choices are those of this key of the configuration */
    enum option_word word;
    const char *endings; /* of files, parted by blanks */
};

/* Rows that several tables have. */
#define OPTION_ROW_SET(at)                                                                                   \
    {                                                                                                        \
        .name = "set", .short_name = 's', .kind = OPTION_STRINGS, .offset = (at), .metavar = "KEY=VALUE",    \
        .help = "override a key of the configuration (may be repeated)", .word = WORD_SETTING                \
    }
#define OPTION_ROW_THREADS(at)                                                                               \
    {                                                                                                        \
        .name = "threads", .short_name = 't', .kind = OPTION_INT, .offset = (at), .metavar = "N",            \
        .help = "threads (default: the cores allowed)", .min = 1, .max = 4096                                \
    }
#define OPTION_ROW_BATCH(at)                                                                                 \
    {                                                                                                        \
        .name = "batch", .short_name = 'b', .kind = OPTION_INT, .offset = (at), .metavar = "N",              \
        .help = "images at a time", .min = 1, .max = 4096                                                    \
    }
#define OPTION_ROW_BOOTSTRAP(at, most)                                                                       \
    {                                                                                                        \
        .name = "bootstrap", .kind = OPTION_INT, .offset = (at), .metavar = "N",                             \
        .help = "draws of people that the 95% intervals are of; 0: no intervals", .min = 0, .max = (most)    \
    }
#define OPTION_ROW_BOOTSTRAP_SEED(at)                                                                        \
    {                                                                                                        \
        .name = "seed", .kind = OPTION_UINT64, .offset = (at), .metavar = "N",                               \
        .help = "of the draws of people", .max = INT64_MAX                                                   \
    }
#define OPTION_ROW_LANDMARKS(at)                                                                             \
    {                                                                                                        \
        .name = "landmarks", .kind = OPTION_STRING, .offset = (at), .metavar = "TABLE",                      \
        .help = "where each image's face is: laid on InsightFace's five points", .word = WORD_FILE,          \
        .endings = ".txt .csv .json"                                                                         \
    }

/* Parses `text` as the value of an option and stores it in `values`; NULL for a flag. STATUS_USAGE says what
 * the option takes, and of a word which choice is the nearest. */
enum status option_store(const struct option_spec *spec, const char *text, void *values, struct error *error);

/* Frees what option_store allocated in `values`. */
void options_free(const struct option_spec *specs, void *values);

/* The words that an option's value may be, parted by '|'; NULL where it is no choice. */
const char *option_choices(const struct option_spec *spec);

/* Writes the value that an option has in `values` as it would be given; false where there is none to tell: a
 * flag, a list, no text, a number out of its range. */
bool option_print(const struct option_spec *spec, const void *values, char *text, size_t size);

/* The row of the option that `argument` begins, "--name", "--name=value", "-n" or "-nvalue"; NULL if there is
 * none. *value: what is given within the argument, or NULL. */
const struct option_spec *option_find(const struct option_spec *specs, const char *argument,
                                      const char **value);

/* Refuses an option that the table has not, and names the nearest. */
enum status option_unknown(const struct option_spec *specs, const char *argument, struct error *error);

/* Which of `choices`, words parted by '|', `word` is. STATUS_USAGE says what `name` takes, and which of them is
 * the nearest. */
enum status option_choose(const char *name, const char *choices, const char *word, int *index,
                          struct error *error);

#endif
