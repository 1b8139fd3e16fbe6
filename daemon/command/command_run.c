/* dail run: supervises mpirun. */
#include "daemon/command/commands.h"
#include "daemon/rank/host.h"
#include "daemon/supervisor/supervisor.h"
#include "proto/config/config.h"
#include "worker/checkpoint/checkpoint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct run_options {
    int workers, at_least, restarts;
    const char *hostfile, *daild;
    struct option_strings overrides;
};

/* Unless it is named, daild lies beside this program. */
static enum status find_daild(const char *named, char *path, size_t size, struct error *error)
{
    if (named) {
        snprintf(path, size, "%s", named);
        return access(path, X_OK) == 0
                   ? STATUS_OK
                   : error_set(error, STATUS_USAGE, named, "name a program by --daild", "this is none");
    }
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

/* The bytes are daild's to check. */
static enum status verify_list(void *context, const char *path, struct error *error)
{
    (void)context;
    return checkpoint_verify(path, false, error);
}

/* The lanes that the run has for its life: a checkpoint's, or what the configuration says, or none yet. */
static enum status find_lanes(const struct config *config, int *lanes, struct error *error)
{
    char path[1024] = "";
    struct checkpoint_state state = {0};
    enum status status = STATUS_OK;
    *lanes = config->data.lanes;
    if (strcmp(config->checkpoint.resume, "auto") == 0) {
        const struct checkpoint_verifier verifier = {.verify = verify_list};
        status = checkpoint_newest(config->run.dir, &verifier, path, sizeof path, NULL, NULL, error);
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

static enum status find_hosts(const struct run_options *options, struct host_list *hosts, struct error *error)
{
    if (!options->hostfile) {
        return host_list_here(options->workers > 0 ? options->workers : host_threads(), hosts, error);
    }
    enum status status = host_list_read(options->hostfile, hosts, error);
    if (status == STATUS_OK && options->workers > host_list_slots(hosts)) {
        status = error_set(error, STATUS_USAGE, options->hostfile, "add slots there, or ask for fewer",
                           "%d workers do not fit in the hostfile's %d slots", options->workers,
                           host_list_slots(hosts));
    }
    return status;
}

static enum status supervise(const struct command_line *line, int *code, struct error *error)
{
    const struct run_options *wanted = line->values;
    char daild[1024];
    struct config config;
    struct host_list hosts = {0};
    enum status status = find_daild(wanted->daild, daild, sizeof daild, error);
    if (status != STATUS_OK) {
        return status;
    }
    status =
        config_load(line->operands[0], wanted->overrides.values, wanted->overrides.count, &config, error);
    if (status != STATUS_OK) {
        return status;
    }
    struct supervisor_options options = {.daild = daild,
                                         .config = line->operands[0],
                                         .overrides = wanted->overrides.values,
                                         .override_count = wanted->overrides.count,
                                         .mpirun = line->rest,
                                         .mpirun_count = line->rest_count,
                                         .workers = wanted->workers,
                                         .at_least = wanted->at_least,
                                         .restarts = wanted->restarts,
                                         .liveness_seconds = config.runtime.liveness_seconds,
                                         .run_dir = config.run.dir,
                                         .lanes_open = config.data.lanes == 0,
                                         .resume_auto = strcmp(config.checkpoint.resume, "auto") == 0};
    status = find_lanes(&config, &options.lanes, error);
    if (status == STATUS_OK) {
        status = find_hosts(wanted, &hosts, error);
    }
    if (status == STATUS_OK) {
        status = supervisor_run(&options, &hosts, code, error);
    }
    host_list_free(&hosts);
    config_free(&config);
    return status;
}

static enum status execute(const struct command_line *line, struct error *error)
{
    int code = STATUS_OK;
    enum status status = supervise(line, &code, error);
    return status == STATUS_OK ? (enum status)code : status;
}

#define AT(member) offsetof(struct run_options, member)

static const struct option_spec options[] = {
    {.name = "workers",
     .short_name = 'n',
     .kind = OPTION_INT,
     .offset = AT(workers),
     .metavar = "W",
     .help = "worker ranks (default: the hostfile's slots, or this host's cores, as far as they divide the "
             "lanes)",
     .min = 1,
     .max = 65536},
    {.name = "hostfile",
     .kind = OPTION_STRING,
     .offset = AT(hostfile),
     .metavar = "FILE",
     .help = "hosts to run on, one a line: NAME slots=N (default: this host)",
     .word = WORD_FILE},
    {.name = "at-least",
     .kind = OPTION_INT,
     .offset = AT(at_least),
     .metavar = "W",
     .help = "with room for fewer workers on the hosts that answer, end with 5 rather than go on",
     .max = 65536},
    {.name = "daild",
     .kind = OPTION_STRING,
     .offset = AT(daild),
     .metavar = "FILE",
     .help = "a program that does daild's work on every host, such as one within a container (default: daild "
             "beside "
             "dail)",
     .word = WORD_FILE},
    {.name = "restarts",
     .kind = OPTION_INT,
     .offset = AT(restarts),
     .metavar = "N",
     .help = "restarts in a row without a new checkpoint before giving up; 0: never restart",
     .max = 1000000},
    OPTION_ROW_SET(AT(overrides)),
    {0}};

static const struct operand_spec operands[] = {
    {.name = "CONFIG", .min = 1, .max = 1, .word = WORD_FILE, .endings = ".yaml"}, {0}};

static const struct command_example examples[] = {
    {"dail run -n 8 first.yaml", "eight workers on this host"},
    {"dail run --hostfile lab.hosts first.yaml -- --mca btl_tcp_if_include eth1",
     "on several hosts, with an option of mpirun's own"},
    {0}};

static const struct run_options defaults = {.restarts = 10};

const struct command command_run = {
    .name = "run",
    .summary = "train under supervision: mpirun, and again after a loss",
    .usage = "dail run [OPTIONS] CONFIG [-- OPTION OF MPIRUN...]",
    .description =
        "Starts mpirun with daild and watches over it: a run that lost a rank or a host is "
        "started again from its\n"
        "newest checkpoint, on the hosts that still answer. Ends with the run's exit code. "
        "SIGTERM, SIGUSR1,\n"
        "SIGHUP (under nohup it is ignored) and the first SIGINT end the run with a checkpoint (75), the "
        "second\nSIGINT at once.",
    .options = options,
    .operands = operands,
    .rest = "option of mpirun",
    .examples = examples,
    .defaults = &defaults,
    .size = sizeof defaults,
    .run = execute,
};
