/* `dail info`: says what a file holds. */
#include "daemon/command/commands.h"
#include "daemon/info/info.h"

#include <stdio.h>

#define PATHS_MAX 4096

static enum status execute(const struct command_line *line, struct error *error)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < line->operand_count && status == STATUS_OK; i++) {
        enum kind kind;
        if (i > 0) {
            putchar('\n');
        }
        status = kind_of_path(line->operands[i], &kind, error);
        if (status == STATUS_OK) {
            status = info_print(line->operands[i], kind, stdout, error);
        }
    }
    return status;
}

static const struct operand_spec operands[] = {
    {.name = "PATH", .min = 1, .max = PATHS_MAX, .word = WORD_FILE}, {0}};

const struct command command_info = {
    .name = "info",
    .summary = "say what a file is and holds",
    .usage = "dail info PATH...",
    .description =
        "Describes every file and folder that dail and daild write: datasets (by their manifest), shards,\n"
        "verification sets, runs with their configuration and logs, checkpoints and each file in them, "
        "traces,\n"
        "embeddings, exported networks, tables and pictures; and any other HDF5 file.",
    .operands = operands,
    .run = execute,
};
