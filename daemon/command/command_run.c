/* dail run: supervises mpirun. */
#include "daemon/command/command.h"
#include "daemon/rank/host.h"
#include "daemon/supervisor/supervisor.h"
#include "daemon/terminal/options.h"
#include "proto/config.h"
#include "worker/checkpoint/checkpoint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define POSITIONAL_MAX 256

static const char usage[] =
    "usage: dail run [OPTIONS] CONFIG [-- OPTION OF MPIRUN...]\n"
    "Starts mpirun with daild and watches over it: a run that lost a rank or a host is started again from "
    "its\n"
    "newest checkpoint, on the hosts that still answer. Ends with the run's exit code. SIGTERM, SIGUSR1 and\n"
    "the first SIGINT end the run with a checkpoint (75), the second SIGINT at once.\n";

struct run_command {
    int workers, restarts;
    const char *hostfile;
    struct option_list overrides;
    const char *positional[POSITIONAL_MAX];
    size_t count;
};

static enum status parse(int argc, char **argv, struct run_command *command, bool *help, struct error *error)
{
    const struct option_spec specs[] = {
        {"workers", 'n', OPTION_INT, &command->workers, "W",
         "worker ranks (the hostfile's slots, or this host's cores, as far as they divide the lanes)", 1,
         65536},
        {"hostfile", 0, OPTION_STRING, &command->hostfile, "FILE",
         "hosts to run on, one a line: NAME slots=N (this host)", 0, 0},
        {"restarts", 0, OPTION_INT, &command->restarts, "N",
         "restarts in a row without a new checkpoint before giving up (10); 0: never restart", 0, 1000000},
        {"set", 's', OPTION_LIST, &command->overrides, "KEY=VALUE",
         "override a key of the configuration (may be repeated)", 0, 0},
    };
    enum status status = options_parse(usage, specs, sizeof specs / sizeof *specs, argc, argv,
                                       command->positional, POSITIONAL_MAX, &command->count, help, error);
    if (status != STATUS_OK || *help) {
        return status;
    }
    size_t before = 0; /* arguments ahead of "--" that are no options */
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        for (size_t p = 0; p < command->count; p++) {
            before += command->positional[p] == argv[i];
        }
    }
    if (before == 0) {
        return error_set(error, STATUS_USAGE, NULL, "dail run --help shows how", "no CONFIG was given");
    }
    if (before > 1) {
        return error_set(error, STATUS_USAGE, command->positional[1],
                         "put options of mpirun behind --: dail run CONFIG -- --mca btl tcp,self",
                         "one argument too many");
    }
    return STATUS_OK;
}

/* daild lies beside this program. */
static enum status find_daild(char *path, size_t size, struct error *error)
{
    ssize_t length = readlink("/proc/self/exe", path, size - 8);
    path[length > 0 ? length : 0] = '\0';
    char *slash = strrchr(path, '/');
    if (!slash) {
        return error_set(error, STATUS_INTERNAL, "/proc/self/exe", NULL, "cannot tell where this program is");
    }
    strcpy(slash + 1, "daild");
    if (access(path, X_OK) != 0) {
        return error_set(error, STATUS_USAGE, path, "build or install both programs", "daild is not there");
    }
    return STATUS_OK;
}

/* The lanes that the run has for its life: a checkpoint's, or what the configuration says, or none yet. */
static enum status find_lanes(const struct config *config, int *lanes, struct error *error)
{
    char path[1024] = "";
    struct checkpoint_state state = {0};
    enum status status = STATUS_OK;
    *lanes = config->data.lanes;
    if (strcmp(config->checkpoint.resume, "auto") == 0) {
        status = checkpoint_newest(config->run.dir, path, sizeof path, NULL, NULL, error);
    } else if (strcmp(config->checkpoint.resume, "never") != 0) {
        snprintf(path, sizeof path, "%s", config->checkpoint.resume);
    }
    if (status == STATUS_OK && path[0] != '\0') {
        status = checkpoint_read_state(path, &state, error);
        *lanes = state.lanes;
    }
    checkpoint_state_free(&state);
    return status;
}

static enum status find_hosts(const struct run_command *command, struct host_list *hosts, struct error *error)
{
    if (!command->hostfile) {
        return host_list_here(command->workers > 0 ? command->workers : host_threads(), hosts, error);
    }
    enum status status = host_list_read(command->hostfile, hosts, error);
    if (status == STATUS_OK && command->workers > host_list_slots(hosts)) {
        status = error_set(error, STATUS_USAGE, command->hostfile, "add slots there, or ask for fewer",
                           "%d workers do not fit in the hostfile's %d slots", command->workers,
                           host_list_slots(hosts));
    }
    return status;
}

static enum status supervise(const struct run_command *command, int *code, struct error *error)
{
    char daild[1024];
    struct config config;
    struct host_list hosts = {0};
    enum status status = find_daild(daild, sizeof daild, error);
    if (status != STATUS_OK) {
        return status;
    }
    status = config_load(command->positional[0], command->overrides.values, command->overrides.count, &config,
                         error);
    if (status != STATUS_OK) {
        return status;
    }
    struct supervisor_options options = {.daild = daild,
                                         .config = command->positional[0],
                                         .overrides = command->overrides.values,
                                         .override_count = command->overrides.count,
                                         .mpirun = command->positional + 1,
                                         .mpirun_count = command->count - 1,
                                         .workers = command->workers,
                                         .restarts = command->restarts,
                                         .liveness_seconds = config.runtime.liveness_seconds,
                                         .run_dir = config.run.dir,
                                         .lanes_open = config.data.lanes == 0,
                                         .resume_auto = strcmp(config.checkpoint.resume, "auto") == 0};
    status = find_lanes(&config, &options.lanes, error);
    if (status == STATUS_OK) {
        status = find_hosts(command, &hosts, error);
    }
    if (status == STATUS_OK) {
        status = supervisor_run(&options, &hosts, code, error);
    }
    host_list_free(&hosts);
    config_free(&config);
    return status;
}

enum status command_run(int argc, char **argv, struct error *error)
{
    struct run_command command = {.restarts = 10};
    bool help;
    int code = STATUS_OK;
    enum status status = parse(argc, argv, &command, &help, error);
    if (status == STATUS_OK && !help) {
        status = supervise(&command, &code, error);
    }
    option_list_free(&command.overrides);
    return status == STATUS_OK ? (enum status)code : status;
}
