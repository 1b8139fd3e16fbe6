#include "daemon/terminal/daild_command.h"

#define AT(member) offsetof(struct daild_options, member)

static const struct option_spec options[] = {
    OPTION_ROW_SET(AT(overrides)),
    {.name = "print-config",
     .kind = OPTION_FLAG,
     .offset = AT(print_config),
     .help = "print the resolved configuration (without CONFIG: the defaults), each key with its meaning, "
             "and leave"},
    {.name = "version",
     .short_name = 'V',
     .kind = OPTION_FLAG,
     .offset = AT(version),
     .help = "print the version and leave"},
    {0}};

static const struct operand_spec operands[] = {
    {.name = "CONFIG", .max = 1, .word = WORD_FILE, .endings = ".yaml"}, {0}};

const struct command daild_command = {
    .name = "daild",
    .summary = "trains one face recognition network on many datasets at once, over MPI",
    .usage = "mpirun -n RANKS daild [OPTIONS] CONFIG",
    .description = "Trains the model that CONFIG describes: rank 0 coordinates, the others work.",
    .options = options,
    .operands = operands,
    .size = sizeof(struct daild_options),
};

enum status daild_parse(int argc, char **argv, struct command_line *line, struct error *error)
{
    enum status status = command_parse(&daild_command, argc, argv, line, error);
    const struct daild_options *given = line->values;
    if (status != STATUS_OK || line->help || given->version || line->operand_count > 0 ||
        (given->print_config && given->overrides.count == 0)) {
        return status;
    }
    return error_set(error, STATUS_USAGE, NULL, "daild --help shows how", "no CONFIG was given");
}
