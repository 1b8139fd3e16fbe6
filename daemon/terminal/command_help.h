/* What a command's table says of it, to stdout.
 */
#ifndef DAIL_DAEMON_TERMINAL_COMMAND_HELP_H
#define DAIL_DAEMON_TERMINAL_COMMAND_HELP_H

#include "daemon/terminal/command.h"

/* What --help prints: usage, description, a line an option, examples, exit codes of its own. */
void command_print_help(const struct command *command);

/* The same as a part of a man page. */
void command_print_man(const struct command *command);

#endif
