/* The command line of daild.
 */
#ifndef DAIL_DAEMON_TERMINAL_DAILD_COMMAND_H
#define DAIL_DAEMON_TERMINAL_DAILD_COMMAND_H

#include "daemon/terminal/command.h"

struct daild_options {
    struct option_strings overrides;
    bool print_config, version, check, full;
    int workers; /* for check; 0: not said */
};

/* Its values are a struct daild_options; it has no function to run. */
extern const struct command daild_command;

/* As command_parse, and STATUS_USAGE where the configuration that is needed is not named. */
enum status daild_parse(int argc, char **argv, struct command_line *line, struct error *error);

#endif
