/* What a command of a program is: a constant table from which its command line is parsed, and from which
 * --help, the man pages and the shell's completion tell of it.
 */
#ifndef DAIL_DAEMON_TERMINAL_COMMAND_H
#define DAIL_DAEMON_TERMINAL_COMMAND_H

#include "daemon/terminal/options.h"

/* What is no option, in the order given. A row without a name ends the table. */
struct operand_spec {
    const char *name;
    size_t min, max; /* how often; of those before the last, min is max */
    const char *choices; /* words parted by '|' */
    enum option_word word;
    const char *endings; /* of files, parted by blanks */
};

/* A command line and what it does. A row without a line ends the table. */
struct command_example {
    const char *line, *meaning;
};

/* An exit code with a meaning of its own. A row without a meaning ends the table. */
struct command_exit {
    int code;
    const char *meaning;
};

struct command_line {
    const void *values; /* as the command's defaults, with what was given */
    const char *const *operands; /* [operand_count], point into argv */
    size_t operand_count;
    const char *const *rest; /* [rest_count]: what stands behind "--" and is handed on */
    size_t rest_count;
    bool help; /* --help was given: nothing more was looked at */
};

struct command {
    const char *name;
    const char *summary; /* one line, without its full stop */
    const char *usage; /* its forms, one a line: "dail eval [OPTIONS] MODEL SET..." */
    const char *description; /* sentences, in lines of their own */
    const struct option_spec *options; /* NULL: none but --help */
    const struct operand_spec *operands; /* NULL: none */
    const char *rest; /* what is called so follows "--" and is handed on; NULL: more operands follow */
    const struct command_example *examples; /* NULL: none */
    const struct command_exit *exits; /* NULL: those that all share */
    const void *defaults; /* [size] the values before anything is given; NULL: all 0 */
    size_t size; /* of the values */
    /* What it returns is the program's exit code; main prints the error, in one line, if error->status is not
     * STATUS_OK. So a command may end with a code of its own by returning it and leaving the error alone. */
    enum status (*run)(const struct command_line *line, struct error *error);
};

/* Parses argv[1..argc). Options and operands may be mixed; "--" ends the options; a number such as "-1" is an
 * operand. STATUS_USAGE for an unknown option (names the nearest), a missing or bad value, too few or too
 * many operands. The caller calls command_line_free in any case. */
enum status command_parse(const struct command *command, int argc, char **argv, struct command_line *line,
                          struct error *error);
void command_line_free(const struct command *command, struct command_line *line);

/* Parses, and runs the command or prints its help. */
enum status command_execute(const struct command *command, int argc, char **argv, struct error *error);

#endif
