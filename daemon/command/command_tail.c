/* dail tail: watches a run by following its status log. */
#include "daemon/command/commands.h"
#include "daemon/rank/signals.h"
#include "daemon/tail/tail_render.h"
#include "proto/clock.h"
#include "proto/file.h"
#include "proto/status/status_log.h"

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
#define COLUMNS_MIN 40
#define ROWS_MIN 10

struct tail_options {
    bool once, json;
    double interval, stale;
};

struct tail {
    struct tail_options options;
    char path[PATH_SIZE];
    struct status_reader reader;
    struct status_summary summary;
    bool screen; /* drawing on a terminal */
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

/* In path[PATH_SIZE]. */
static enum status find_log(const char *argument, char *path, struct error *error)
{
    time_t newest = 0;
    if (argument) {
        bool folder = file_is_directory(argument);
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
                             .color = tail->screen && !getenv("NO_COLOR"),
                             .now = clock_unix(),
                             .stale = tail->options.stale};
    if (isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col > 0) {
        view.columns = window.ws_col > COLUMNS_MIN ? window.ws_col : COLUMNS_MIN;
        if (tail->screen) {
            view.rows = window.ws_row > ROWS_MIN ? window.ws_row : ROWS_MIN;
        }
    }
    return view;
}

static void read_records(struct tail *tail)
{
    struct status_record record;
    while (status_reader_next(&tail->reader, &record)) {
        status_summary_fold(&tail->summary, &record);
        status_record_free(&record);
    }
}

static enum status print_json(const struct tail *tail, const struct tail_view *view, struct error *error)
{
    json_t *object = tail_json(&tail->summary, view);
    if (!object) {
        return error_set(error, STATUS_INTERNAL, tail->path, NULL, "the summary cannot be put as JSON");
    }
    json_dumpf(object, stdout, JSON_COMPACT | JSON_REAL_PRECISION(9));
    putchar('\n');
    json_decref(object);
    return STATUS_OK;
}

/* The terminal takes a whole frame in one write; every line clears what was right of it, and the last all
 * below: nothing is ever blank in between. */
static void draw(const char *text)
{
    char *frame = NULL;
    size_t size;
    FILE *out = open_memstream(&frame, &size);
    if (!out) {
        return;
    }
    fputs("\033[H", out);
    for (const char *at = text; *at != '\0'; at++) {
        if (*at == '\n') {
            fputs("\033[K", out);
        }
        fputc(*at, out);
    }
    fputs("\033[J", out);
    fclose(out);
    fwrite(frame, 1, size, stdout);
    fflush(stdout);
    free(frame);
}

static enum status show(const struct tail *tail, struct error *error)
{
    struct tail_view view = view_now(tail);
    if (tail->options.json) {
        return print_json(tail, &view, error);
    }
    char *text = tail_render(&tail->summary, &view);
    if (!text) {
        return error_no_memory(error, tail->path);
    }
    if (tail->screen) {
        draw(text);
    } else {
        fputs(text, stdout);
        fflush(stdout);
    }
    free(text);
    return STATUS_OK;
}

static enum status show_once(struct tail *tail, struct error *error)
{
    read_records(tail);
    if (tail->summary.state == SUMMARY_NONE) {
        bool there = status_reader_exists(&tail->reader);
        return error_set(error, (enum status)1, tail->path, "name the run's folder (run.dir)",
                         there ? "the status log holds no record" : "there is no status log");
    }
    enum status status = show(tail, error);
    struct tail_view view = view_now(tail);
    return status == STATUS_OK ? (enum status)tail_exit_code(&tail->summary, &view) : status;
}

static enum status follow(struct tail *tail, struct error *error)
{
    double whole = (double)(long long)tail->options.interval;
    struct timespec pause = {.tv_sec = (time_t)whole,
                             .tv_nsec = (long)((tail->options.interval - whole) * 1e9)};
    enum status status = STATUS_OK;
    signals_install();
    tail->screen = isatty(STDOUT_FILENO) && !tail->options.json;
    if (tail->screen) {
        fputs("\033[?1049h\033[?25l", stdout); /* the other screen, no cursor */
    }
    while (status == STATUS_OK && !*signals_stop()) {
        read_records(tail);
        status = show(tail, error);
        if (status == STATUS_OK && !*signals_stop()) {
            nanosleep(&pause, NULL);
        }
    }
    if (tail->screen) {
        fputs("\033[?25h\033[?1049l", stdout);
        tail->screen = false;
        if (status == STATUS_OK) {
            status = show(tail, error); /* what was last seen stays */
        }
    }
    return status;
}

static enum status execute(const struct command_line *line, struct error *error)
{
    struct tail *tail = calloc(1, sizeof *tail);
    if (!tail) {
        return error_no_memory(error, NULL);
    }
    tail->options = *(const struct tail_options *)line->values;
    enum status status = find_log(line->operand_count > 0 ? line->operands[0] : NULL, tail->path, error);
    if (status != STATUS_OK) {
        free(tail);
        return status;
    }
    status_reader_open(&tail->reader, tail->path);
    status_summary_init(&tail->summary);
    status = tail->options.once ? show_once(tail, error) : follow(tail, error);
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

static const struct command_exit exits[] = {{0, "with --once: running, done or stopped on request"},
                                            {1, "with --once: no log"},
                                            {3, "with --once: stalled"},
                                            {4, "with --once: failed"},
                                            {0}};

static const struct tail_options defaults = {.interval = 2, .stale = 120};

const struct command command_tail = {
    .name = "tail",
    .summary = "watch a run",
    .usage = "dail tail [OPTIONS] [RUN|FILE]",
    .description =
        "Watches a run: its folder, or its status.jsonl. Without one: here, else the newest below runs/ or\n"
        "build/runs/. Ctrl-C ends it.",
    .options = options,
    .operands = operands,
    .exits = exits,
    .defaults = &defaults,
    .size = sizeof defaults,
    .run = execute,
};
