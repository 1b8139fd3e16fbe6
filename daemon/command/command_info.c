/* `dail info`: says what a file holds. */
#include "daemon/command/command.h"
#include "daemon/terminal/options.h"
#include "shard/info.h"

#include <stdio.h>

#define PATHS_MAX 4096

static const char usage[] =
    "usage: dail info PATH...\n"
    "Describes shards, datasets (by their manifest), verification sets, checkpoints, runs, "
    "status logs\nand any other HDF5 file.";

enum status command_info(int argc, char **argv, struct error *error)
{
    const char *paths[PATHS_MAX];
    size_t count;
    bool help = false;
    enum status status = options_parse(usage, NULL, 0, argc, argv, paths, PATHS_MAX, &count, &help, error);
    if (status != STATUS_OK || help)
        return status;
    if (count == 0)
        return error_set(error, STATUS_USAGE, NULL, "see dail info --help", "no file is named");
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        enum kind kind;
        if (i > 0)
            putchar('\n');
        status = kind_of_path(paths[i], &kind, error);
        if (status == STATUS_OK)
            status = info_print(paths[i], kind, stdout, error);
    }
    return status;
}
