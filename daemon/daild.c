/* daild: the MPI program. Rank 0 is the coordinator, the others are workers. This file starts and ends them;
 * it alone touches MPI_Init, MPI_Finalize and MPI_Abort, and only for a run: what the command line alone answers
 * needs no MPI, and works where that cannot start.
 */
#include "daemon/coordinator/coordinator.h"
#include "daemon/coordinator/link.h"
#include "daemon/opening/opening.h"
#include "daemon/rank/core_set.h"
#include "daemon/rank/host.h"
#include "daemon/rank/launcher.h"
#include "daemon/rank/signals.h"
#include "daemon/rank/start_watch.h"
#include "daemon/rank/watchdog.h"
#include "daemon/setup/preflight.h"
#include "daemon/setup/resume.h"
#include "daemon/setup/setup_make.h"
#include "daemon/terminal/command_help.h"
#include "daemon/terminal/daild_command.h"
#include "daemon/terminal/lost_output.h"
#include "proto/file.h"
#include "proto/folder_lock.h"
#include "worker/exchange/exchange_mpi.h"
#include "worker/worker.h"

#include <cblas.h>
#include <mpi.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define POLL_MILLISECONDS 20
/* A run's folder whose owner has shown no life for so many times liveness_seconds is taken over. */
#define STALE_FACTOR 3
/* Before a run begins a rank may be busy for so many times liveness_seconds with what it reads in one piece. */
#define OPENING_PATIENCE 10
/* How long outgoing messages are waited for at the end. */
#define CLOSE_SECONDS 5.0
/* Where the configuration does not say. */
#define LIVENESS_UNKNOWN 60.0
/* MPI_Abort itself can hang when a host is gone: after this long the process ends without it. */
#define ABORT_SECONDS 10

static enum status print_config(const struct command_line *line, struct error *error)
{
    const struct option_strings *overrides = &((const struct daild_options *)line->values)->overrides;
    struct config config;
    enum status status = line->operand_count > 0 ? config_load(line->operands[0], overrides->values,
                                                               overrides->count, &config, error)
                                                 : config_defaults(&config, error);
    if (status != STATUS_OK) {
        return status;
    }
    char *text = config_format(&config, true);
    if (text) {
        fputs(text, stdout);
    } else {
        status = error_no_memory(error, NULL);
    }
    free(text);
    config_free(&config);
    return status;
}

/* An error without text has been told elsewhere. */
static void print_error(const struct error *error)
{
    char line[ERROR_LINE_SIZE];
    if (error->what[0] != '\0') {
        fprintf(stderr, "daild: %s\n", error_format(error, line, sizeof line));
    }
}

_Noreturn static void abort_run(int code)
{
    signals_kill_after(ABORT_SECONDS, code);
    MPI_Abort(MPI_COMM_WORLD, code);
    _exit(code);
}

/* A rank that cannot even begin: the others wait for it. */
_Noreturn static void fail_to_begin(const struct error *error)
{
    print_error(error);
    abort_run((int)error->status);
}

static void tell_wait(const char *text)
{
    fprintf(stderr, "daild: %s\n", text);
}

/* The run directory becomes this run's. */
static enum status own_run(struct setup *setup, struct folder_lock **lock, struct error *error)
{
    const char *directory = setup->config.run.dir;
    char warning[512];
    const struct folder_claim claim = {.folder = directory,
                                       .next = "wait for it, end it, or give this run another run.dir",
                                       .stale_seconds = STALE_FACTOR * setup->config.runtime.liveness_seconds,
                                       .tell = tell_wait,
                                       .stop = signals_stop()};
    enum status status = file_make_directory(directory, error);
    if (status == STATUS_OK) {
        status = folder_lock_take(&claim, lock, warning, sizeof warning, error);
    }
    if (status == STATUS_OK && warning[0] != '\0') {
        setup_warn(setup, "%s", warning);
    }
    return status;
}

/* Where the run begins, which only the owner of its folder can tell. A folder that was made for a run that is refused
 * goes again. */
static enum status place_run(struct setup *setup, struct opening_desk *desk, struct folder_lock **lock,
                             struct error *error)
{
    const char *directory = setup->config.run.dir;
    const struct checkpoint_verifier verifier = {.verify = opening_verify, .context = desk};
    bool made = !file_exists(directory);
    enum status status = own_run(setup, lock, error);
    if (status == STATUS_OK) {
        desk->run_dir = directory;
        desk->patience = OPENING_PATIENCE * setup->config.runtime.liveness_seconds;
        status = opening_check_folder(desk, folder_lock_nonce(*lock), error);
    }
    if (status == STATUS_OK) {
        setup->verifier = &verifier;
        status = setup_place(setup, error);
        setup->verifier = NULL;
    }
    if (status != STATUS_OK && made && *lock) {
        folder_lock_release(*lock);
        *lock = NULL;
        rmdir(directory);
    }
    if (desk->stuck) { /* nothing that all ranks do together can be done any more */
        folder_lock_release(*lock);
        fail_to_begin(error);
    }
    return status;
}

/* Checkpoints of another history moved away, logs opened, the configuration written. */
static enum status open_run(struct setup *setup, struct folder_lock *lock, struct journal *journal,
                            struct error *error)
{
    const char *directory = setup->config.run.dir;
    int moved;
    const struct status_log_limits limits = {.bytes = setup->config.log.rotate_mb * (1 << 20),
                                             .keep = setup->config.log.keep};
    enum status status = journal_open(directory, &limits, lock, journal, error);
    if (status == STATUS_OK) {
        status = checkpoint_prepare(directory, lock, error);
    }
    if (status == STATUS_OK) {
        status = resume_set_aside(directory, setup->start_step, &moved, error);
    }
    if (status == STATUS_OK && moved > 0) {
        setup_warn(setup, "%d checkpoints beyond step %lld in %s/checkpoints are renamed to .old", moved,
                   (long long)setup->start_step, directory);
    }
    if (status == STATUS_OK && setup->config.log.tensorboard) {
        status = journal_open_events(directory, setup->start_step, journal, error);
    }
    return status == STATUS_OK ? journal_write_config(directory, setup->text, error) : status;
}

/* The first line of what this program's MPI says of itself. */
static void name_library(char *text, size_t size)
{
    char library[MPI_MAX_LIBRARY_VERSION_STRING] = "";
    int length;
    MPI_Get_library_version(library, &length);
    library[strcspn(library, "\n")] = '\0';
    size_t used = 0;
    for (const char *at = library; *at && used + 1 < size; at++) {
        bool space = *at == ' ' || *at == '\t';
        if (!space || (used > 0 && text[used - 1] != ' ')) {
            text[used++] = space ? ' ' : *at;
        }
    }
    text[used] = '\0';
}

static enum status another_mpi(struct error *error)
{
    char library[256];
    name_library(library, sizeof library);
    return error_set(
        error, STATUS_USAGE, NULL,
        "start it by the mpirun of daild's MPI, or build it for this one: make MPICC=<its mpicc>",
        "the launcher started %d ranks, and each is a world of its own: it is another MPI's than "
        "daild's (%s)",
        launcher_ranks(), library);
}

/* Rank 0, before the others: checks everything. */
static enum status prepare(const struct command_line *line, int ranks, struct setup *setup,
                           struct folder_lock **lock, struct journal *journal, struct opening *opening,
                           struct error *error)
{
    const struct option_strings *overrides = &((const struct daild_options *)line->values)->overrides;
    enum status status = STATUS_OK;
    if (ranks < 2 && launcher_ranks() > 1) {
        status = another_mpi(error);
    } else if (ranks < 2) {
        status = error_set(error, STATUS_USAGE, NULL,
                           "start it by: mpirun -n 3 daild CONFIG (one coordinator and two workers)",
                           "daild needs at least two ranks: a coordinator and a worker");
    }
    if (status == STATUS_OK) {
        status = setup_make(line->operands[0], overrides->values, overrides->count, ranks - 1, setup, error);
    }
    if (status == STATUS_OK) {
        struct opening_desk desk = {0};
        status = place_run(setup, &desk, lock, error);
    }
    if (status == STATUS_OK) {
        status = open_run(setup, *lock, journal, error);
    }
    opening->text_size = status == STATUS_OK ? (int)strlen(setup->text) + 1 : 0;
    opening->status = (int)status;
    return status;
}

static enum status coordinate(const struct setup *setup, struct folder_lock *lock, struct journal *journal,
                              struct watchdog *watchdog, MPI_Comm control, struct error *error)
{
    struct link link;
    bool orderly;
    char library[256];
    name_library(library, sizeof library);
    link_open(&link, control);
    struct coordinator_context context = {.setup = setup,
                                          .lock = lock,
                                          .link = link_for_coordinator(&link, setup->workers),
                                          .journal = journal,
                                          .stop_signal = signals_stop(),
                                          .watchdog = watchdog,
                                          .launcher = launcher_by_library(library),
                                          .poll_milliseconds = POLL_MILLISECONDS};
    enum status status = coordinator_run(&context, &orderly, error);
    if (!orderly) {
        print_error(error);
        journal_close(journal);
        folder_lock_release(lock);
        abort_run((int)status);
    }
    link_close(&link, CLOSE_SECONDS);
    return status;
}

/* The physical cores that the workers on this host may use, shared out among them. */
static int choose_threads(int wanted, const struct message_hello *hello, MPI_Comm workers)
{
    MPI_Comm host;
    int here;
    struct core_set own, all;
    core_set_parse(hello->cores, &own);
    MPI_Comm_split_type(workers, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &host);
    MPI_Comm_size(host, &here);
    MPI_Allreduce(own.bits, all.bits, CORE_SET_MAX / 64, MPI_UINT64_T, MPI_BOR, host);
    MPI_Comm_free(&host);
    return wanted > 0 ? wanted : host_share(hello, core_set_count(&all), here);
}

static void show_progress(void *context, const struct message_heartbeat *sign)
{
    watchdog_progress(context, sign);
}

static void hear_coordinator(void *context, const struct message_heartbeat *sign)
{
    if (sign) {
        watchdog_hear(context, 0, sign);
    } else {
        watchdog_listen(context);
    }
}

static enum status work(const struct config *config, struct watchdog *watchdog, MPI_Comm control,
                        MPI_Comm workers, struct error *error)
{
    struct link link;
    struct worker_context context = {.config = config,
                                     .stop_signal = signals_stop(),
                                     .progress = show_progress,
                                     .heard = hear_coordinator,
                                     .watch = watchdog};
    link_open(&link, control);
    context.link = link_for_worker(&link);
    host_describe(&context.hello);
    context.threads = choose_threads(config->runtime.threads, &context.hello, workers);
    openblas_set_num_threads(1);
    enum status status = exchange_mpi_create(workers, &context.exchange, error);
    if (status == STATUS_OK) {
        status = worker_run(&context, error);
        context.exchange->operations->close(context.exchange);
    }
    link_close(&link, CLOSE_SECONDS);
    return status;
}

/* Rank 0's life, once everything is checked. */
static enum status lead(struct setup *setup, struct folder_lock *lock, struct journal *journal, int text_size,
                        struct watchdog **watchdog, struct error *error)
{
    struct watchdog_address address;
    MPI_Comm control, none;
    if (watchdog_create_coordinator(setup->workers, setup->config.runtime.liveness_seconds, &address,
                                    watchdog, error) != STATUS_OK) {
        folder_lock_release(lock);
        fail_to_begin(error);
    }
    MPI_Bcast(setup->text, text_size, MPI_CHAR, 0, MPI_COMM_WORLD);
    MPI_Bcast(&address, (int)sizeof address, MPI_BYTE, 0, MPI_COMM_WORLD);
    MPI_Comm_dup(MPI_COMM_WORLD, &control);
    MPI_Comm_split(MPI_COMM_WORLD, MPI_UNDEFINED, 0, &none);
    enum status status = coordinate(setup, lock, journal, *watchdog, control, error);
    watchdog_ending(*watchdog, (int)status);
    if (status != STATUS_OK && status != STATUS_STOPPED) {
        print_error(error);
    }
    MPI_Comm_free(&control);
    return status;
}

/* A worker rank's life. */
static enum status follow(int rank, int text_size, struct watchdog **watchdog, struct error *error)
{
    struct watchdog_address address;
    struct config config;
    MPI_Comm control, workers;
    char *text = malloc((size_t)text_size);
    if (!text) {
        abort_run(STATUS_INTERNAL);
    }
    MPI_Bcast(text, text_size, MPI_CHAR, 0, MPI_COMM_WORLD);
    MPI_Bcast(&address, (int)sizeof address, MPI_BYTE, 0, MPI_COMM_WORLD);
    if (config_parse(text, "config.yaml", NULL, 0, &config, error) != STATUS_OK ||
        watchdog_create_worker(rank, config.runtime.liveness_seconds, &address, watchdog, error) !=
            STATUS_OK) {
        fail_to_begin(error);
    }
    MPI_Comm_dup(MPI_COMM_WORLD, &control);
    MPI_Comm_split(MPI_COMM_WORLD, 1, rank, &workers);
    enum status status = work(&config, *watchdog, control, workers, error);
    MPI_Comm_free(&workers);
    MPI_Comm_free(&control);
    config_free(&config);
    free(text);
    return status;
}

/* Everything between MPI's start and its end; returns the exit code, the same on every rank. *watchdog is to
 * be closed after MPI's end, NULL if there is none. */
static int run(const struct command_line *line, int rank, int ranks, struct start_watch *start,
               struct watchdog **watchdog)
{
    struct setup setup = {0};
    struct folder_lock *lock = NULL;
    struct journal journal = {.records.descriptor = -1};
    struct opening opening = {0};
    struct error error = {0};
    if (rank != 0) {
        opening_serve(&opening);
    } else {
        if (prepare(line, ranks, &setup, &lock, &journal, &opening, &error) != STATUS_OK) {
            print_error(&error);
        }
        opening_end(&opening);
    }
    start_watch_close(start);
    int code = opening.status;
    if (code == STATUS_OK) {
        code = (int)(rank == 0 ? lead(&setup, lock, &journal, opening.text_size, watchdog, &error)
                               : follow(rank, opening.text_size, watchdog, &error));
        MPI_Bcast(&code, 1, MPI_INT, 0, MPI_COMM_WORLD);
        watchdog_ending(*watchdog, code);
    }
    journal_close(&journal);
    folder_lock_release(lock);
    setup_free(&setup);
    return code;
}

/* Before MPI has come up every rank reads for itself how long to wait for it; what is wrong with the configuration is
 * rank 0's to tell. */
static struct start_watch *watch_start(const struct command_line *line)
{
    const struct option_strings *overrides = &((const struct daild_options *)line->values)->overrides;
    double liveness = LIVENESS_UNKNOWN;
    struct config config;
    if (line->operand_count > 0 &&
        config_load(line->operands[0], overrides->values, overrides->count, &config, NULL) == STATUS_OK) {
        liveness = config.runtime.liveness_seconds;
        config_free(&config);
    }
    return start_watch_open(liveness, launcher_is_first());
}

/* A run: from MPI's start to its end. */
static int train(int argc, char **argv, const struct command_line *line)
{
    int provided, rank, ranks;
    struct watchdog *watchdog = NULL;
    char library[256];
    name_library(library, sizeof library);
    const struct launcher *own = launcher_by_library(library);
    if (own && own->family == MPI_FAMILY_MPICH && launcher_is_open_mpi()) {
        struct error error;
        another_mpi(&error);
        if (launcher_is_first()) {
            print_error(&error);
        }
        return (int)error.status;
    }
    signals_install();
    exchange_mpi_prepare();
    host_raise_files();
    struct start_watch *start = watch_start(line);
    MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &ranks);
    start_watch_joined(start, rank);
    int code = run(line, rank, ranks, start, &watchdog);
    MPI_Finalize();
    watchdog_close(watchdog);
    return code;
}

static enum status check_config(const struct command_line *line)
{
    const struct daild_options *options = line->values;
    const struct preflight preflight = {.config = line->operands[0],
                                        .overrides = options->overrides.values,
                                        .override_count = options->overrides.count,
                                        .workers = options->workers,
                                        .full = options->full,
                                        .out = stdout,
                                        .fault = print_error};
    return preflight_run(&preflight);
}

/* What needs no run: each rank could answer it, the first does. */
static enum status answer(const struct command_line *line, struct error *error)
{
    const struct daild_options *options = line->values;
    if (line->help) {
        command_print_help(&daild_command);
        return STATUS_OK;
    }
    if (options->version) {
        char library[256];
        name_library(library, sizeof library);
        printf("daild %s\nMPI: %s\n", DAIL_VERSION, library);
        return STATUS_OK;
    }
    return options->check ? check_config(line) : print_config(line, error);
}

int main(int argc, char **argv)
{
    struct command_line line;
    struct error error = {0};
    enum status status = daild_parse(argc, argv, &line, &error);
    const struct daild_options *options = line.values;
    int code = STATUS_OK;
    if (status == STATUS_OK && !line.help && !options->version && !options->print_config && !options->check) {
        code = train(argc, argv, &line);
    } else if (launcher_is_first()) {
        status = status == STATUS_OK ? answer(&line, &error) : status;
        code = (int)(status == STATUS_OK ? lost_output_check(&error) : status);
        print_error(&error);
    }
    command_line_free(&daild_command, &line);
    return code;
}
