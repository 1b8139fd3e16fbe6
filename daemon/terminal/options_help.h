/* What a table of options says of itself, in three forms. All go to stdout.
 */
#ifndef DAIL_DAEMON_TERMINAL_OPTIONS_HELP_H
#define DAIL_DAEMON_TERMINAL_OPTIONS_HELP_H

#include "daemon/terminal/options.h"

/* What --help prints: `usage` and a line an option. */
void options_print_help(const char *usage, const struct option_spec *specs, size_t count);

/* The same as a part of a man page: the synopsis, what it does, the options. */
void options_print_man(const char *usage, const struct option_spec *specs, size_t count);

/* The options alone, with their dashes, one a line: for a shell's completion. */
void options_print_words(const struct option_spec *specs, size_t count);

#endif
