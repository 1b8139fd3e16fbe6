/* The command line of daild.
 */
#ifndef DAIL_DAEMON_TERMINAL_ARGUMENTS_H
#define DAIL_DAEMON_TERMINAL_ARGUMENTS_H

#include "daemon/terminal/options.h"

struct arguments {
    const char *config;
    struct option_list overrides;
    bool print_config, version, help;
};

/* STATUS_USAGE for a bad option, or where the configuration that is needed is not named. Begin with {0}; the
 * caller frees the overrides in any case. */
enum status arguments_parse(int argc, char **argv, struct arguments *arguments, struct error *error);

#endif
