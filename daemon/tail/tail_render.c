#include "daemon/tail/tail_render.h"

#include "daemon/tail/tail_chart.h"
#include "proto/json_value.h"
#include "proto/text.h"
#include "proto/utf8.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Longest line in bytes: a very wide terminal full of three-byte characters. */
#define LINE_BYTES 4096
#define CHART_BYTES 2048
#define WRAPPED_ROWS 8
#define SLOW_ROWS 4

/* With more workers than this they are listed for those that hold the others up to be found. */
#define WORKERS_IN_ORDER 8
#define LINES_MAX (SUMMARY_WORKERS + SUMMARY_SETS + 64)

/* What goes first where a terminal has too few rows: the last of these, and of each the last lines. */
enum importance { ALWAYS, TROUBLE, FIGURES, DETAILS, WORKERS };

struct line {
    enum importance importance;
    size_t end; /* in the text of all lines */
    bool dropped;
};

struct screen {
    FILE *out;
    const struct tail_view *view;
    struct line line[LINES_MAX];
    int lines;
};

/* A busy file server may show a touch late; so late it does not. */
#define SILENT_SECONDS 15.0

static bool is_silent(const struct status_summary *summary, const struct tail_view *view)
{
    return status_summary_is_under_way(summary) && view->silent > SILENT_SECONDS;
}

const char *tail_state(const struct status_summary *summary, const struct tail_view *view)
{
    if (status_summary_is_under_way(summary) && view->now - summary->last_t > view->stale) {
        return "stalled";
    }
    return status_summary_state_name(summary->state);
}

int tail_exit_code(const struct status_summary *summary, const struct tail_view *view)
{
    if (summary->state == SUMMARY_NONE) {
        return 1;
    }
    if (summary->state == SUMMARY_FAILED) {
        return 4;
    }
    return strcmp(tail_state(summary, view), "stalled") == 0 ? 3 : 0;
}

/* Where a row of `columns` that begins at `text` ends: at a space where there is one, if `whole_words`. */
static const char *row_end(const char *text, int columns, bool whole_words)
{
    const char *at = text, *space = NULL;
    for (int column = 0; *at != '\0' && column < columns; column++) {
        if (*at == ' ' && at > text) {
            space = at;
        }
        size_t length = utf8_character(at);
        at += length > 0 ? length : 1;
    }
    return whole_words && *at != '\0' && *at != ' ' && space ? space : at;
}

/* Writes text[0, end), with a question mark for what cannot be shown. */
static void put_text(struct screen *screen, const char *text, const char *end)
{
    while (text < end) {
        size_t length = utf8_character(text);
        if (length == 0 || (length > 1 && !screen->view->utf8)) {
            fputc('?', screen->out);
            length = length > 0 ? length : 1;
        } else {
            fwrite(text, 1, length, screen->out);
        }
        text += length;
    }
}

/* Writes the text on a row of `columns`, with an ellipsis where it does not fit. */
static void put_cut(struct screen *screen, const char *text, int columns)
{
    const char *ellipsis = screen->view->utf8 ? "…" : "...";
    const char *end = row_end(text, columns, false);
    if (*end == '\0') {
        put_text(screen, text, end);
    } else {
        put_text(screen, text, row_end(text, columns - (screen->view->utf8 ? 1 : 3), false));
        fputs(ellipsis, screen->out);
    }
}

static void end_line(struct screen *screen, enum importance importance)
{
    fputc('\n', screen->out);
    if (screen->lines < LINES_MAX) {
        screen->line[screen->lines++] = (struct line){importance, (size_t)ftell(screen->out), false};
    }
}

static void put_line(struct screen *screen, enum importance importance, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void put_line(struct screen *screen, enum importance importance, const char *format, ...)
{
    char line[LINE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    put_cut(screen, line, screen->view->columns);
    end_line(screen, importance);
}

/* Prints a text over as many rows as it needs, WRAPPED_ROWS at most: what a user must read to its end. */
static void put_wrapped(struct screen *screen, enum importance importance, const char *head, const char *text)
{
    char line[LINE_BYTES];
    snprintf(line, sizeof line, "%s%s", head, text);
    const char *at = line;
    for (int row = 1; *at != '\0' && row <= WRAPPED_ROWS; row++) {
        const char *end = row_end(at, screen->view->columns, true);
        if (row == WRAPPED_ROWS) {
            put_cut(screen, at, screen->view->columns);
        } else {
            put_text(screen, at, end);
        }
        end_line(screen, importance);
        at = *end == ' ' ? end + 1 : end;
    }
}

static const char *format_figure(double value, const char *format, char text[32])
{
    if (isfinite(value)) {
        snprintf(text, 32, format, value);
    } else {
        snprintf(text, 32, "-");
    }
    return text;
}

static void put_title(struct screen *screen, const struct status_summary *summary)
{
    const struct tail_view *view = screen->view;
    const char *state = tail_state(summary, view);
    char left[512], right[64], age[32];
    text_duration(view->now - summary->last_t, age, sizeof age);
    snprintf(left, sizeof left, "DAIL %s", summary->name);
    snprintf(right, sizeof right, "last record %s ago", age);
    if (view->color) { /* the state first, so that cutting the line never cuts an escape sequence */
        bool good = summary->state != SUMMARY_FAILED && strcmp(state, "stalled") != 0;
        fprintf(screen->out, "\033[1;3%cm%-8s\033[0m ", good ? '2' : '1', state);
    } else {
        fprintf(screen->out, "%-8s ", state);
    }
    char line[LINE_BYTES];
    int columns = view->columns - 9, gap = columns - (int)strlen(left) - (int)strlen(right);
    snprintf(line, sizeof line, "%s%*s%s", left, gap > 1 ? gap : 1, "", right);
    put_cut(screen, line, columns);
    end_line(screen, ALWAYS);
}

static void put_progress(struct screen *screen, const struct status_summary *summary)
{
    char bar[CHART_BYTES], eta[32], elapsed[32], left[64];
    int64_t per_epoch = summary->steps_per_epoch > 0 ? summary->steps_per_epoch : 1;
    int64_t epochs = (summary->step.steps + per_epoch - 1) / per_epoch;
    int64_t epoch = summary->step.epoch < epochs ? summary->step.epoch : epochs;
    epoch = epoch > 1 ? epoch : 1;
    double into = (double)summary->step.step - (double)(epoch - 1) * (double)per_epoch;
    double end = status_summary_is_under_way(summary) ? screen->view->now : summary->last_t;
    int width = screen->view->columns - 48 > 10 ? screen->view->columns - 48 : 10;
    text_duration(summary->step.eta_seconds, eta, sizeof eta);
    text_duration(end - summary->begin, elapsed, sizeof elapsed);
    snprintf(left, sizeof left, "epoch %lld/%lld", (long long)epoch, (long long)epochs);
    tail_bar(into / (double)per_epoch, width, screen->view->utf8, bar, sizeof bar);
    put_line(screen, ALWAYS, "%-20s %s  %.0f of %lld steps", left, bar, into, (long long)per_epoch);
    snprintf(left, sizeof left, "step %lld/%lld", (long long)summary->step.step,
             (long long)summary->step.steps);
    tail_bar(summary->step.steps > 0 ? (double)summary->step.step / (double)summary->step.steps : 0, width,
             screen->view->utf8, bar, sizeof bar);
    if (status_summary_is_under_way(summary)) {
        put_line(screen, ALWAYS, "%-20s %s  eta %s, up %s", left, bar, eta, elapsed);
    } else {
        put_line(screen, ALWAYS, "%-20s %s  ran %s", left, bar, elapsed);
    }
}

static void put_losses(struct screen *screen, const struct status_summary *summary)
{
    char chart[CHART_BYTES], loss[32], total[32];
    int width = screen->view->columns - 20;
    put_line(screen, FIGURES, "loss %s", format_figure(summary->step.loss, "%.4f", total));
    tail_sparkline(summary->loss_history, summary->history, width, screen->view->utf8, chart, sizeof chart);
    put_line(screen, DETAILS, "  identity %8s %s", format_figure(summary->step.loss_cls, "%.4f", loss),
             chart);
    tail_sparkline(summary->domain_history, summary->history, width, screen->view->utf8, chart, sizeof chart);
    put_line(screen, DETAILS, "  domain   %8s %s", format_figure(summary->step.loss_dom, "%.4f", loss),
             chart);
}

/* "0.250 s (60% hidden)": what was waited for the exchange, and how much of it the computing hid. */
static const char *format_exchange(const struct status_summary *summary, char text[64])
{
    char waited[32];
    double whole = summary->step.seconds.exchange + summary->step.seconds.hidden;
    format_figure(summary->step.seconds.exchange, "%.3f", waited);
    if (whole > 0) {
        snprintf(text, 64, "%s s (%.0f%% hidden)", waited, 100 * summary->step.seconds.hidden / whole);
    } else {
        snprintf(text, 64, "%s s", waited);
    }
    return text;
}

static void put_figures(struct screen *screen, const struct status_summary *summary)
{
    char a[32], b[32], c[32], d[64];
    put_line(screen, FIGURES, "speed %s images/s, %s s a step",
             format_figure(summary->step.images_per_second, "%.1f", a),
             format_figure((double)summary->global_batch / summary->step.images_per_second, "%.2f", b));
    put_line(screen, DETAILS, "  data %s, compute %s, exchange %s",
             format_figure(summary->step.seconds.data, "%.3f", a),
             format_figure(summary->step.seconds.compute, "%.3f", b), format_exchange(summary, d));
    put_line(screen, DETAILS, "lr %s   lambda %s   gradient norm %s",
             format_figure(summary->step.lr, "%.4g", a), format_figure(summary->step.lambda, "%.3g", b),
             format_figure(summary->step.grad_norm, "%.3g", c));
    put_line(screen, DETAILS, "accuracy %s %%, of the dataset guessed %s %%",
             format_figure(100 * summary->step.accuracy, "%.1f", a),
             format_figure(100 * summary->step.domain_accuracy, "%.1f", b));
}

static void put_milestones(struct screen *screen, const struct status_summary *summary)
{
    char age[32], a[32], b[32], c[32];
    if (summary->checkpoint_step < 0) {
        put_line(screen, FIGURES, "checkpoint: none yet");
    } else {
        text_duration(screen->view->now - summary->checkpoint_t, age, sizeof age);
        put_line(screen, FIGURES, "checkpoint: step %lld, %s ago, %s", (long long)summary->checkpoint_step,
                 age, summary->checkpoint_path);
    }
    if (summary->groups.step > 0) {
        put_line(screen, DETAILS, "identity groups: %lld, %lld pairs, %s %% expected to be right, step %lld",
                 (long long)summary->groups.groups, (long long)summary->groups.pairs,
                 format_figure(100 * summary->groups.precision, "%.0f", a), (long long)summary->groups.step);
    }
    for (int i = 0; i < summary->eval_count; i++) {
        const struct summary_eval *eval = &summary->evals[i];
        put_line(screen, DETAILS, "eval %-20s %s +- %s %%, AUC %s, step %lld", eval->set,
                 format_figure(100 * eval->accuracy, "%.2f", a),
                 format_figure(100 * eval->accuracy_std, "%.2f", b), format_figure(eval->auc, "%.4f", c),
                 (long long)eval->step);
    }
}

/* Long before a run without records counts as stalled: a record may be far off, a sign of life is not. */
static void put_silence(struct screen *screen, const struct status_summary *summary)
{
    char silence[32];
    if (is_silent(summary, screen->view)) {
        text_duration(screen->view->silent, silence, sizeof silence);
        put_line(screen, TROUBLE, "no sign of life from the coordinator for %s", silence);
    }
}

/* Those that hold the run up, each with by how much and for how long. */
static void put_slow(struct screen *screen, const struct status_summary *summary)
{
    for (int i = 0; i < summary->slow_count && i < SLOW_ROWS; i++) {
        const struct summary_slow *slow = &summary->slow[i];
        char name[192], own[32], others[32], age[32];
        const char *what = slow->what;
        bool bytes = strcmp(what, "exchange") == 0;
        snprintf(name, sizeof name, "rank %d@%s", slow->rank, slow->host);
        text_duration(screen->view->now - slow->since, age, sizeof age);
        put_line(screen, TROUBLE, "slow for %s: %s, %s %s, the others %s %s", age, name, what,
                 format_figure(bytes ? slow->own / 1e6 : slow->own, "%.3f", own),
                 format_figure(bytes ? slow->others / 1e6 : slow->others, "%.3f", others),
                 bytes ? "MB" : "s");
    }
    if (summary->slow_count > SLOW_ROWS) {
        put_line(screen, TROUBLE, "slow: %d more", summary->slow_count - SLOW_ROWS);
    }
}

static void put_trouble(struct screen *screen, const struct status_summary *summary)
{
    if (summary->state == SUMMARY_RUNNING) {
        put_silence(screen, summary);
        put_slow(screen, summary);
    }
    if (summary->warning[0] != '\0') {
        put_line(screen, TROUBLE, "warning: %s", summary->warning);
    }
    if (summary->fault[0] != '\0') {
        put_wrapped(screen, TROUBLE, "fault: ", summary->fault);
    }
}

/* Seconds that the others wait for, the most first; those not heard of last. */
static int compare_workers(const void *left, const void *right)
{
    const struct summary_worker *a = *(const struct summary_worker *const *)left,
                                *b = *(const struct summary_worker *const *)right;
    double at = a->seconds.data + a->seconds.compute, bt = b->seconds.data + b->seconds.compute;
    at = isfinite(at) ? at : -1;
    bt = isfinite(bt) ? bt : -1;
    return at > bt ? -1 : at < bt ? 1 : a->rank < b->rank ? -1 : a->rank > b->rank;
}

static void put_workers(struct screen *screen, const struct status_summary *summary)
{
    const struct summary_worker *order[SUMMARY_WORKERS];
    int rows = screen->view->rows;
    bool all_fit = rows == 0 || screen->lines + summary->worker_count < rows;
    for (int i = 0; i < summary->worker_count; i++) {
        order[i] = &summary->workers[i];
    }
    if (summary->worker_count > WORKERS_IN_ORDER || !all_fit) {
        qsort(order, (size_t)summary->worker_count, sizeof *order, compare_workers);
    }
    for (int i = 0; i < summary->worker_count; i++) {
        const struct summary_worker *worker = order[i];
        char data[32], compute[32], exchange[32];
        put_line(screen, WORKERS, "rank %-3d %-14.14s %2d x %-7s data %s  compute %s  exchange %s s",
                 worker->rank, worker->host, worker->threads, worker->isa,
                 format_figure(worker->seconds.data, "%.3f", data),
                 format_figure(worker->seconds.compute, "%.3f", compute),
                 format_figure(worker->seconds.exchange, "%.3f", exchange));
    }
}

/* --- The whole --- */

/* Drops lines until the others and a word of these fit. Returns how many; *workers: of them. */
static int drop_lines(struct screen *screen, int *workers)
{
    int room = screen->view->rows - 2, dropped = 0; /* the cursor has a row, and so has the word */
    *workers = 0;
    if (screen->view->rows == 0 || screen->lines <= room + 1) {
        return 0;
    }
    for (int importance = WORKERS; importance > ALWAYS; importance--) {
        for (int i = screen->lines; i > 0 && screen->lines - dropped > room; i--) {
            struct line *line = &screen->line[i - 1];
            if ((int)line->importance == importance) {
                line->dropped = true;
                dropped++;
                *workers += importance == WORKERS;
            }
        }
    }
    return dropped;
}

/* The lines of `text` that are to be seen; NULL: no memory. */
static char *compose(struct screen *screen, const char *text)
{
    int workers, dropped = drop_lines(screen, &workers);
    char *composed = NULL;
    size_t size, begin = 0;
    FILE *out = open_memstream(&composed, &size);
    if (!out) {
        return NULL;
    }
    for (int i = 0; i < screen->lines; i++) {
        if (!screen->line[i].dropped) {
            fwrite(text + begin, 1, screen->line[i].end - begin, out);
        }
        begin = screen->line[i].end;
    }
    if (dropped > 0) {
        fprintf(out, "%s %d more %s\n", screen->view->utf8 ? "…" : "...", dropped,
                dropped == workers ? (dropped == 1 ? "worker" : "workers")
                                   : (dropped == 1 ? "line" : "lines"));
    }
    return fclose(out) == 0 ? composed : NULL;
}

static void put_all(struct screen *screen, const struct status_summary *summary)
{
    if (summary->state == SUMMARY_NONE) {
        put_line(screen, ALWAYS, "%s: no record yet", screen->view->path);
        return;
    }
    put_title(screen, summary);
    put_progress(screen, summary);
    put_losses(screen, summary);
    put_figures(screen, summary);
    put_milestones(screen, summary);
    put_trouble(screen, summary);
    put_workers(screen, summary);
}

char *tail_render(const struct status_summary *summary, const struct tail_view *view)
{
    char *text = NULL, *composed = NULL;
    size_t size;
    struct screen *screen = calloc(1, sizeof *screen);
    if (!screen) {
        return NULL;
    }
    screen->view = view;
    screen->out = open_memstream(&text, &size);
    if (screen->out) {
        put_all(screen, summary);
        if (fclose(screen->out) == 0) {
            composed = compose(screen, text);
        }
    }
    free(text);
    free(screen);
    return composed;
}

static json_t *workers_json(const struct status_summary *summary)
{
    json_t *array = json_array();
    for (int i = 0; i < summary->worker_count; i++) {
        const struct summary_worker *worker = &summary->workers[i];
        json_array_append_new(array,
                              json_pack("{s:i, s:o, s:i, s:o, s:o, s:o, s:o, s:o}", "rank", worker->rank,
                                        "host", json_text(worker->host), "threads", worker->threads, "isa",
                                        json_text(worker->isa), "data", json_figure(worker->seconds.data),
                                        "compute", json_figure(worker->seconds.compute), "exchange",
                                        json_figure(worker->seconds.exchange), "exchange_hidden",
                                        json_figure(worker->seconds.hidden)));
    }
    return array;
}

static json_t *slow_json(const struct status_summary *summary, double now)
{
    json_t *array = json_array();
    for (int i = 0; i < summary->slow_count; i++) {
        const struct summary_slow *slow = &summary->slow[i];
        json_array_append_new(array, json_pack("{s:i, s:o, s:o, s:o, s:o, s:o, s:o}", "rank", slow->rank,
                                               "host", json_text(slow->host), "what", json_text(slow->what),
                                               "own", json_figure(slow->own), "others",
                                               json_figure(slow->others), "share", json_figure(slow->share),
                                               "age_seconds", json_figure(now - slow->since)));
    }
    return array;
}

static json_t *evals_json(const struct status_summary *summary)
{
    json_t *array = json_array();
    for (int i = 0; i < summary->eval_count; i++) {
        const struct summary_eval *eval = &summary->evals[i];
        json_array_append_new(array,
                              json_pack("{s:o, s:I, s:I, s:o, s:o, s:o}", "set", json_text(eval->set), "step",
                                        (json_int_t)eval->step, "pairs", (json_int_t)eval->pairs, "accuracy",
                                        json_figure(eval->accuracy), "accuracy_std",
                                        json_figure(eval->accuracy_std), "auc", json_figure(eval->auc)));
    }
    return array;
}

static json_t *checkpoint_json(const struct status_summary *summary, double now)
{
    if (summary->checkpoint_step < 0) {
        return json_null();
    }
    return json_pack("{s:I, s:o, s:o}", "step", (json_int_t)summary->checkpoint_step, "path",
                     json_text(summary->checkpoint_path), "age_seconds",
                     json_figure(now - summary->checkpoint_t));
}

static json_t *groups_json(const struct status_summary *summary)
{
    return summary->groups.step > 0 ? status_part_json(status_kind_part(STATUS_KIND_GROUPS), &summary->groups)
                                    : json_null();
}

json_t *tail_json(const struct status_summary *summary, const struct tail_view *view)
{
    json_t *history = json_array();
    for (int i = 0; i < summary->history; i++) {
        json_array_append_new(history, json_figure(summary->loss_history[i]));
    }
    /* The last step's members by the names that they have in the log; then what is the run's. */
    json_t *object = status_part_json(status_kind_part(STATUS_KIND_STEP), &summary->step);
    json_t *run = json_pack(
        "{s:s, s:o, s:o, s:o, s:o, s:o, s:i, s:i, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "state",
        tail_state(summary, view), "log", json_text(view->path), "name", json_text(summary->name), "version",
        json_text(summary->version), "age_seconds", json_figure(view->now - summary->last_t),
        "silent_seconds", json_figure(status_summary_is_under_way(summary) ? view->silent : 0), "exit_code",
        summary->exit_code, "lanes", summary->lanes, "parameters", (json_int_t)summary->parameters,
        "steps_per_epoch", (json_int_t)summary->steps_per_epoch, "checkpoint",
        checkpoint_json(summary, view->now), "evals", evals_json(summary), "groups", groups_json(summary),
        "workers", workers_json(summary), "loss_history", history, "slow", slow_json(summary, view->now),
        "warning", json_text(summary->warning), "fault", json_text(summary->fault));
    if (!object || !run || json_object_update(object, run) != 0) {
        json_decref(object);
        object = NULL;
    }
    json_decref(run);
    return object;
}
