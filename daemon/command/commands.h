/* The commands of `dail`: one constant table each, in command_<name>.c, and the one list of them.
 */
#ifndef DAIL_DAEMON_COMMAND_COMMANDS_H
#define DAIL_DAEMON_COMMAND_COMMANDS_H

#include "daemon/terminal/command.h"

extern const struct command command_synth, command_pack, command_unpack, command_verify, command_info,
    command_sheet, command_run, command_tail, command_report, command_bench, command_eval, command_embed,
    command_search, command_compare, command_export, command_overlap, command_manual;

/* All of them, as --help lists them; NULL ends the list. */
extern const struct command *const commands[];

#endif
