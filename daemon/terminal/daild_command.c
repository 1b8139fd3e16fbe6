#include "daemon/terminal/daild_command.h"

#define AT(member) offsetof(struct daild_options, member)

static const struct option_spec options[] = {
    OPTION_ROW_SET(AT(overrides)),
    {.name = "print-config",
     .kind = OPTION_FLAG,
     .offset = AT(print_config),
     .help = "print the resolved configuration (without CONFIG: the defaults), each key with its meaning, "
             "and leave"},
    {.name = "check",
     .kind = OPTION_FLAG,
     .offset = AT(check),
     .help = "test CONFIG against the data (manifests, shards, validation sets, model.init, run.dir), tell "
             "every fault, and leave"},
    {.name = "workers",
     .kind = OPTION_INT,
     .offset = AT(workers),
     .metavar = "N",
     .help = "with --check: how many workers there will be",
     .min = 1,
     .max = 65536},
    {.name = "full",
     .kind = OPTION_FLAG,
     .offset = AT(full),
     .help = "with --check: read every byte of the shards"},
    {.name = "version",
     .short_name = 'V',
     .kind = OPTION_FLAG,
     .offset = AT(version),
     .help = "print the version and leave"},
    {0}};

static const struct operand_spec operands[] = {
    {.name = "CONFIG", .max = 1, .word = WORD_FILE, .endings = ".yaml"}, {0}};

static const struct command_example examples[] = {
    {"daild --check first.yaml", "before the job is submitted: no MPI is started"},
    {"mpirun -n 9 daild first.yaml --set optimizer.lr=0.05", "eight workers, a key overridden"},
    {0}};

const struct command daild_command = {
    .name = "daild",
    .summary = "trains one face recognition network on many datasets at once, over MPI",
    .usage = "mpirun -n RANKS daild [OPTIONS] CONFIG\n"
             "daild --check [--workers N] [--full] CONFIG\n"
             "daild --print-config [CONFIG]",
    .description = "Trains the model that CONFIG describes: rank 0 coordinates, the others work.",
    .options = options,
    .operands = operands,
    .examples = examples,
    .size = sizeof(struct daild_options),
};

enum status daild_parse(int argc, char **argv, struct command_line *line, struct error *error)
{
    enum status status = command_parse(&daild_command, argc, argv, line, error);
    const struct daild_options *given = line->values;
    if (status == STATUS_OK && !line->help && !given->check && (given->full || given->workers > 0)) {
        return error_set(error, STATUS_USAGE, given->full ? "--full" : "--workers",
                         "add --check; of a run, mpirun -n says how many ranks there are",
                         "this is an option of --check");
    }
    if (status != STATUS_OK || line->help || given->version || line->operand_count > 0 ||
        (given->print_config && given->overrides.count == 0)) {
        return status;
    }
    return error_set(error, STATUS_USAGE, NULL, "daild --help shows how", "no CONFIG was given");
}
