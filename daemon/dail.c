/* dail: the command line. One process that never initialises MPI, so that it runs on a login node. */
#include "daemon/command/command.h"
#include "daemon/command/manual.h"
#include "daemon/terminal/options.h"

#include <locale.h>
#include <stdio.h>
#include <string.h>

static const struct command commands[] = {
    {"synth", command_synth, "make datasets of synthetic faces that share people"},
    {"pack", command_pack, "pack images or RecordIO into shards, pairs into a verification set"},
    {"unpack", command_unpack, "turn shards or a verification set back into image files"},
    {"verify", command_verify, "check every byte of shards, manifests, pairs and checkpoints"},
    {"info", command_info, "say what a file is and holds"},
    {"run", command_run, "train under supervision: mpirun, and again after a loss"},
    {"tail", command_tail, "watch a run"},
    {"eval", command_eval, "score a checkpoint on verification sets"},
    {"embed", command_embed, "embed images by a checkpoint's network"},
    {"export", command_export, "hand a checkpoint's network on as ONNX, safetensors or HDF5"},
    {"report", command_report, "make one page of all that a run has shown: curves, ROC, embeddings"},
    {"overlap", command_overlap, "find who is probably the same person in two datasets"},
    {"bench", command_bench, "time training steps here, and predict those of several workers"},
};

#define COMMANDS (sizeof commands / sizeof *commands)

static void print_commands(void)
{
    printf("usage: dail COMMAND [OPTIONS]\n\n");
    for (size_t i = 0; i < COMMANDS; i++) {
        printf("  %-10s%s\n", commands[i].name, commands[i].help);
    }
    printf(
        "\n'dail COMMAND --help' tells more; 'dail --version' the version; 'dail manual PAGE' prints dail.1, "
        "daild.1,\ndail.yaml.5 or dail.bash, the shell's completion.\n");
}

static enum status unknown_command(const char *name, struct error *error)
{
    const char *nearest = option_nearest(name, &commands[0].name, COMMANDS, sizeof *commands);
    if (nearest) {
        return error_set(error, STATUS_USAGE, name, "dail --help lists the commands",
                         "unknown command; the nearest is %s", nearest);
    }
    return error_set(error, STATUS_USAGE, name, "dail --help lists the commands", "unknown command");
}

static enum status run(int argc, char **argv, struct error *error)
{
    const char *name = argc > 1 ? argv[1] : "";
    if (argc < 2) {
        return error_set(error, STATUS_USAGE, NULL, "dail --help lists the commands", "no command was given");
    }
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        print_commands();
        return STATUS_OK;
    }
    if (strcmp(name, "--version") == 0) {
        printf("dail %s\n", DAIL_VERSION);
        return STATUS_OK;
    }
    if (strcmp(name, "manual") == 0) {
        return manual_print(argc > 2 ? argv[2] : "", commands, COMMANDS, error);
    }
    for (size_t i = 0; i < COMMANDS; i++) {
        if (strcmp(name, commands[i].name) == 0) {
            return commands[i].run(argc - 1, argv + 1, error);
        }
    }
    return unknown_command(name, error);
}

int main(int argc, char **argv)
{
    struct error error = {0};
    setlocale(LC_CTYPE, "");
    enum status status = run(argc, argv, &error);
    if (error.status != STATUS_OK) {
        char line[1400];
        fprintf(stderr, "dail: %s\n", error_format(&error, line, sizeof line));
    }
    if (fflush(stdout) != 0 && status == STATUS_OK) {
        fprintf(stderr, "dail: could not write the output\n");
        status = STATUS_STORAGE;
    }
    return (int)status;
}
