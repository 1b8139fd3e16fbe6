/* dail tail: watches a run by following its status log. */
#include "daemon/command/commands.h"
#include "daemon/tail/tail_render.h"
#include "daemon/tail/tail_screen.h"
#include "proto/clock.h"
#include "proto/file.h"
#include "proto/status/status_reader.h"
#include "proto/text.h"

#include <glob.h>
#include <langinfo.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define COLUMNS_DEFAULT 80
#define COLUMNS_MIN 20

struct tail_options {
    bool once, follow, wait, json;
    double interval, stale;
};

struct tail {
    struct tail_options options;
    const char *argument; /* NULL: none was given */
    char path[PATH_SIZE]; /* of the log */
    struct status_reader reader;
    struct status_summary summary;
    struct tail_screen screen;
    struct timespec touched; /* daild.log beside it, when last; and since when, by our clock, it is so */
    double since, silent; /* silent: for how long, at the last look */
    bool told; /* that there is no record yet: once is enough where nothing is drawn over */
};

/* The log of the run that was written to last, among those below `pattern`. */
static void find_newest(const char *pattern, char *path, size_t size, time_t *newest)
{
    glob_t found;
    if (glob(pattern, 0, NULL, &found) != 0) {
        return;
    }
    for (size_t i = 0; i < found.gl_pathc; i++) {
        struct stat file;
        if (stat(found.gl_pathv[i], &file) == 0 && file.st_mtime > *newest) {
            *newest = file.st_mtime;
            snprintf(path, size, "%s", found.gl_pathv[i]);
        }
    }
    globfree(&found);
}

/* Where the log is, or will be: in path[PATH_SIZE]. */
static enum status find_log(const char *argument, char *path, struct error *error)
{
    time_t newest = 0;
    if (argument) {
        bool folder =
            file_exists(argument) ? file_is_directory(argument) : !text_ends_with(argument, ".jsonl");
        return file_join(folder ? argument : "", folder ? "status.jsonl" : argument, path, error);
    }
    enum status status = file_join("", "status.jsonl", path, error);
    if (!file_exists(path)) {
        find_newest("runs/*/status.jsonl", path, PATH_SIZE, &newest);
        find_newest("build/runs/*/status.jsonl", path, PATH_SIZE, &newest);
    }
    return status;
}

static struct tail_view view_now(const struct tail *tail)
{
    struct winsize window;
    struct tail_view view = {.path = tail->path,
                             .columns = COLUMNS_DEFAULT,
                             .utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0,
                             .color = tail->screen.drawing && !getenv("NO_COLOR"),
                             .now = clock_unix(),
                             .stale = tail->options.stale,
                             .silent = tail->silent};
    if (isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col > 0) {
        view.columns = window.ws_col > COLUMNS_MIN ? window.ws_col : COLUMNS_MIN;
        view.rows = tail->screen.drawing ? window.ws_row : 0;
    }
    return view;
}

static void read_records(struct tail *tail)
{
    struct status_record record;
    if (tail->summary.state == SUMMARY_NONE && !status_reader_exists(&tail->reader)) {
        /* What was no folder before may be one now. */
        status_reader_close(&tail->reader);
        struct error error = {0};
        find_log(tail->argument, tail->path, &error);
        status_reader_open(&tail->reader, tail->path);
    }
    while (status_reader_next(&tail->reader, &record)) {
        status_summary_fold(&tail->summary, &record);
        status_record_free(&record);
    }
}

/* By this program's own clock, whatever those of the run's host and of the file server are: so a first look tells
 * nothing. */
static void look_for_life(struct tail *tail)
{
    char folder[PATH_SIZE], log[PATH_SIZE];
    struct stat file = {0};
    const double now = clock_monotonic();
    file_directory(tail->path, folder);
    bool there = file_join(folder, "daild.log", log, NULL) == STATUS_OK && stat(log, &file) == 0;
    if (!there || tail->since == 0 || file.st_mtim.tv_sec != tail->touched.tv_sec ||
        file.st_mtim.tv_nsec != tail->touched.tv_nsec) {
        tail->touched = file.st_mtim;
        tail->since = now;
    }
    tail->silent = now - tail->since;
}

/* --- What is no run --- */

/* Whether what is there, of which nothing was a record, may still become a log. */
static bool may_be_a_log(const struct tail *tail)
{
    const struct status_reader *reader = &tail->reader;
    struct stat file;
    bool regular = stat(tail->path, &file) != 0 || S_ISREG(file.st_mode);
    bool begun = reader->length == 0 || reader->line[reader->begin] == '{';
    return regular && reader->garbage == 0 && begun;
}

/* Exit code 1, with what to do instead. */
static enum status no_run(const struct tail *tail, struct error *error)
{
    const enum status none = (enum status)1;
    char pattern[1024], newest[1024] = "";
    time_t when = 0;
    if (status_reader_exists(&tail->reader)) {
        return error_set(error, none, tail->path, "name the run's folder (run.dir)",
                         may_be_a_log(tail) ? "the status log holds no record" : "this is no status log");
    }
    if (!tail->argument) {
        return error_set(error, none, tail->path,
                         "name the run's folder (run.dir), or --wait for a run to begin",
                         "there is no status log, here or below runs/ or build/runs/");
    }
    snprintf(pattern, sizeof pattern, "%.900s/*/status.jsonl", tail->argument);
    find_newest(pattern, newest, sizeof newest, &when);
    if (newest[0] != '\0') {
        char next[1100];
        *strrchr(newest, '/') = '\0';
        snprintf(next, sizeof next, "name a run in it, such as %s, the newest", newest);
        return error_set(error, none, tail->argument, next, "there is no status log: the folder is no run");
    }
    return error_set(error, none, tail->path,
                     "name the run's folder (run.dir), or --wait for the run to begin",
                     "there is no status log");
}

/* Whether to go on although there is no record yet: a log that is there is that of a run about to begin, and one
 * that is not is waited for where that was asked for. */
static enum status check_run(const struct tail *tail, struct error *error)
{
    const struct tail_options *options = &tail->options;
    bool there = status_reader_exists(&tail->reader);
    if (tail->summary.state != SUMMARY_NONE) {
        return STATUS_OK;
    }
    if ((there && !may_be_a_log(tail)) || !(options->wait || options->follow || (there && !options->once))) {
        return no_run(tail, error);
    }
    return STATUS_OK;
}

/* --- Showing --- */

static enum status print_json(const struct tail *tail, const struct tail_view *view, struct error *error)
{
    json_t *object = tail_json(&tail->summary, view);
    if (!object) {
        return error_set(error, STATUS_INTERNAL, tail->path, NULL, "the summary cannot be put as JSON");
    }
    json_dumpf(object, stdout, JSON_COMPACT | JSON_REAL_PRECISION(9));
    putchar('\n');
    fflush(stdout);
    json_decref(object);
    return STATUS_OK;
}

static enum status show(struct tail *tail, struct error *error)
{
    struct tail_view view = view_now(tail);
    bool none = tail->summary.state == SUMMARY_NONE;
    if (!tail->screen.drawing && none && tail->told) {
        return STATUS_OK;
    }
    tail->told = none;
    if (tail->options.json) {
        return print_json(tail, &view, error);
    }
    char *text = tail_render(&tail->summary, &view);
    if (!text) {
        return error_no_memory(error, tail->path);
    }
    if (tail->screen.drawing) {
        tail_screen_draw(text);
    } else {
        fputs(text, stdout);
        fflush(stdout);
    }
    free(text);
    return STATUS_OK;
}

/* A fault alone is no end: its stop follows. */
static bool has_ended(const struct status_summary *summary)
{
    return summary->state == SUMMARY_DONE || summary->state == SUMMARY_STOPPED ||
           (summary->state == SUMMARY_FAILED && summary->exit_code != 0);
}

/* Shows the run until it ends, or until it is left: *left. */
static enum status watch(struct tail *tail, bool *left, struct error *error)
{
    enum status status = STATUS_OK;
    while (status == STATUS_OK && !*left) {
        look_for_life(tail);
        read_records(tail);
        status = check_run(tail, error);
        bool snapshot = tail->options.once && tail->summary.state != SUMMARY_NONE;
        if (snapshot || (has_ended(&tail->summary) && !tail->options.follow)) {
            return status;
        }
        if (status == STATUS_OK) {
            status = show(tail, error);
        }
        if (status == STATUS_OK) {
            *left = !tail_screen_wait(&tail->screen, tail->options.interval);
        }
    }
    return status;
}

static enum status run(struct tail *tail, struct error *error)
{
    bool left = false;
    read_records(tail);
    enum status status = check_run(tail, error);
    if (status != STATUS_OK) {
        return status;
    }
    tail_screen_open(&tail->screen, isatty(STDOUT_FILENO) && !tail->options.json && !tail->options.once);
    bool drawn = tail->screen.drawing;
    status = watch(tail, &left, error);
    tail_screen_close(&tail->screen);
    if (status == STATUS_OK && (drawn || !left)) {
        status = show(tail, error); /* what was last seen stays */
    }
    struct tail_view view = view_now(tail);
    return status != STATUS_OK || left ? status : (enum status)tail_exit_code(&tail->summary, &view);
}

static enum status execute(const struct command_line *line, struct error *error)
{
    struct tail *tail = calloc(1, sizeof *tail);
    if (!tail) {
        return error_no_memory(error, NULL);
    }
    tail->options = *(const struct tail_options *)line->values;
    tail->argument = line->operand_count > 0 ? line->operands[0] : NULL;
    enum status status = find_log(tail->argument, tail->path, error);
    if (status != STATUS_OK) {
        free(tail);
        return status;
    }
    status_reader_open(&tail->reader, tail->path);
    status_summary_init(&tail->summary);
    status = run(tail, error);
    status_reader_close(&tail->reader);
    free(tail);
    return status;
}

#define AT(member) offsetof(struct tail_options, member)

static const struct option_spec options[] = {
    {.name = "once",
     .short_name = '1',
     .kind = OPTION_FLAG,
     .offset = AT(once),
     .help = "print one snapshot and leave"},
    {.name = "follow",
     .short_name = 'f',
     .kind = OPTION_FLAG,
     .offset = AT(follow),
     .help = "go on when the run ends, for it may be started again; waits for a run as --wait does"},
    {.name = "wait",
     .short_name = 'w',
     .kind = OPTION_FLAG,
     .offset = AT(wait),
     .help = "wait for a run that has not begun, as of a job that is still queued"},
    {.name = "json",
     .kind = OPTION_FLAG,
     .offset = AT(json),
     .help = "print each snapshot as one JSON object"},
    {.name = "interval",
     .short_name = 'i',
     .kind = OPTION_DOUBLE,
     .offset = AT(interval),
     .metavar = "S",
     .help = "seconds between two snapshots",
     .low = 0.05,
     .high = 3600},
    {.name = "stale",
     .kind = OPTION_DOUBLE,
     .offset = AT(stale),
     .metavar = "S",
     .help = "a running run counts as stalled after so many seconds without a record",
     .low = 0,
     .high = 1e9},
    {0}};

static const struct operand_spec operands[] = {
    {.name = "RUN|FILE", .min = 0, .max = 1, .word = WORD_RUN, .endings = ".jsonl"}, {0}};

static const struct command_exit exits[] = {{0, "the run is done, was stopped on request, or, with --once, "
                                                "is running; or the tail was left by q or Ctrl-C"},
                                            {1, "there is no run: no status log, or none with a record"},
                                            {3, "with --once: the run has stalled"},
                                            {4, "the run has failed"},
                                            {0}};

static const struct command_example examples[] = {
    {"dail tail runs/first", "until the run ends"},
    {"dail tail --wait runs/first", "a job that is still queued: waits for the run to begin"},
    {"dail tail --follow runs/first", "over restarts, as under dail run or in Slurm's queue"},
    {"dail tail --once --json runs/first", "for a script"},
    {0}};

static const struct tail_options defaults = {.interval = 2, .stale = 120};

const struct command command_tail = {
    .name = "tail",
    .summary = "watch a run",
    .usage = "dail tail [OPTIONS] [RUN|FILE]",
    .description =
        "Watches a run until it ends: its folder, or its status.jsonl. Without one: here, else the newest "
        "below\n"
        "runs/ or build/runs/. q or Ctrl-C leaves. Where there are many workers the slowest come first.",
    .options = options,
    .operands = operands,
    .examples = examples,
    .exits = exits,
    .defaults = &defaults,
    .size = sizeof defaults,
    .run = execute,
};
