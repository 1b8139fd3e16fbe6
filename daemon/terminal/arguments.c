#include "daemon/terminal/arguments.h"

static const char usage[] = "usage: mpirun -n RANKS daild [OPTIONS] CONFIG\n"
                            "Trains the model that CONFIG describes: rank 0 coordinates, the others work.\n";

enum status arguments_parse(int argc, char **argv, struct arguments *arguments, struct error *error)
{
    const struct option_spec specs[] = {
        {"set", 's', OPTION_LIST, &arguments->overrides, "KEY=VALUE",
         "override a key of the configuration (may be repeated)", 0, 0},
        {"print-config", 0, OPTION_FLAG, &arguments->print_config, NULL,
         "print the resolved configuration (without CONFIG: the defaults), each key with its meaning, and "
         "leave",
         0, 0},
        {"version", 'V', OPTION_FLAG, &arguments->version, NULL, "print the version and leave", 0, 0},
    };
    size_t count;
    enum status status = options_parse(usage, specs, sizeof specs / sizeof *specs, argc, argv,
                                       &arguments->config, 1, &count, &arguments->help, error);
    bool needed = !arguments->help && !arguments->version &&
                  (!arguments->print_config || arguments->overrides.count > 0);
    if (status == STATUS_OK && count == 0 && needed) {
        status = error_set(error, STATUS_USAGE, NULL, "daild --help shows how", "no CONFIG was given");
    }
    return status;
}
