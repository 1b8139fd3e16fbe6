/* The man pages and the shell's completion, made from the tables that drive the programs: commands, options
 * and configuration keys. So they cannot tell anything else than the programs do.
 */
#ifndef DAIL_DAEMON_COMMAND_MANUAL_H
#define DAIL_DAEMON_COMMAND_MANUAL_H

#include "daemon/command/command.h"

/* Prints `page` to stdout: dail.1, daild.1, dail.yaml.5, or dail.bash. STATUS_USAGE for any other. */
enum status manual_print(const char *page, const struct command *commands, size_t count, struct error *error);

#endif
