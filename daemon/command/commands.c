#include "daemon/command/commands.h"

const struct command *const commands[] = {
    &command_synth,  &command_pack,   &command_unpack,  &command_verify, &command_info,   &command_sheet,
    &command_run,    &command_tail,   &command_eval,    &command_search, &command_embed,  &command_compare,
    &command_export, &command_report, &command_overlap, &command_bench,  &command_manual, NULL,
};
