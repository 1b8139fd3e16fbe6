/* dail: the command line. One process that never initialises MPI, so that it runs on a login node. */
#include "daemon/command/commands.h"
#include "daemon/terminal/lost_output.h"
#include "proto/text.h"

#include <locale.h>
#include <stdio.h>
#include <string.h>

static void print_commands(void)
{
    printf("usage: dail COMMAND [OPTIONS]\n\n");
    for (size_t i = 0; commands[i]; i++) {
        printf("  %-10s%s\n", commands[i]->name, commands[i]->summary);
    }
    printf("\n'dail COMMAND --help' tells more; 'dail --version' the version.\n");
}

static const struct command *find_command(const char *name)
{
    size_t i = 0;
    while (commands[i] && strcmp(commands[i]->name, name) != 0) {
        i++;
    }
    return commands[i];
}

static enum status unknown_command(const char *name, struct error *error)
{
    const char *names[64];
    size_t count = 0;
    for (; commands[count] && count < sizeof names / sizeof *names; count++) {
        names[count] = commands[count]->name;
    }
    const char *nearest = text_nearest(name, names, count, sizeof *names);
    return error_set(error, STATUS_USAGE, name, "dail --help lists the commands", "unknown command%s%s",
                     nearest ? "; the nearest is " : "", nearest ? nearest : "");
}

static enum status run(int argc, char **argv, struct error *error)
{
    if (argc < 2) {
        return error_set(error, STATUS_USAGE, NULL, "dail --help lists the commands", "no command was given");
    }
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        print_commands();
        return STATUS_OK;
    }
    if (strcmp(name, "--version") == 0) {
        printf("dail %s\n", DAIL_VERSION);
        return STATUS_OK;
    }
    const struct command *command = find_command(name);
    return command ? command_execute(command, argc - 1, argv + 1, error) : unknown_command(name, error);
}

int main(int argc, char **argv)
{
    struct error error = {0};
    setlocale(LC_CTYPE, "");
    enum status status = run(argc, argv, &error);
    if (status == STATUS_OK) {
        status = lost_output_check(&error);
    }
    if (error.status != STATUS_OK) {
        char line[ERROR_LINE_SIZE];
        fprintf(stderr, "dail: %s\n", error_format(&error, line, sizeof line));
    }
    return (int)status;
}
