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

struct screen {
    FILE *out;
    const struct tail_view *view;
    int lines;
};

const char *tail_state(const struct status_summary *summary, const struct tail_view *view)
{
    if (summary->state == SUMMARY_RUNNING && view->now - summary->last_t > view->stale) {
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

/* Where a row of the screen that begins at `text` ends: at a space where there is one, if `whole_words`. */
static const char *row_end(const struct screen *screen, const char *text, bool whole_words)
{
    const char *at = text, *space = NULL;
    for (int column = 0; *at != '\0' && column < screen->view->columns; column++) {
        if (*at == ' ' && at > text) {
            space = at;
        }
        size_t length = utf8_character(at);
        at += length > 0 ? length : 1;
    }
    return whole_words && *at != '\0' && *at != ' ' && space ? space : at;
}

/* Prints one row, with a question mark for what it cannot show. */
static void put_row(struct screen *screen, const char *text, const char *end)
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
    fputc('\n', screen->out);
    screen->lines++;
}

/* Prints one line, cut to the screen's width. */
static void put_line(struct screen *screen, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void put_line(struct screen *screen, const char *format, ...)
{
    char line[LINE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    put_row(screen, line, row_end(screen, line, false));
}

/* Prints a text over as many rows as it needs, WRAPPED_ROWS at most: what a user must read to its end. */
static void put_wrapped(struct screen *screen, const char *head, const char *text)
{
    char line[LINE_BYTES];
    snprintf(line, sizeof line, "%s%s", head, text);
    const char *at = line;
    for (int row = 0; *at != '\0' && row < WRAPPED_ROWS; row++) {
        const char *end = row_end(screen, at, true);
        put_row(screen, at, end);
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
    struct tail_view rest = *view;
    struct screen narrower = {.out = screen->out, .view = &rest};
    rest.columns = view->columns - 9;
    int gap = rest.columns - (int)strlen(left) - (int)strlen(right);
    put_line(&narrower, "%s%*s%s", left, gap > 1 ? gap : 1, "", right);
    screen->lines++;
}

static void put_progress(struct screen *screen, const struct status_summary *summary)
{
    char bar[CHART_BYTES], eta[32], elapsed[32], left[64];
    int64_t per_epoch = summary->steps_per_epoch > 0 ? summary->steps_per_epoch : 1;
    int64_t epochs = (summary->step.steps + per_epoch - 1) / per_epoch;
    int64_t epoch = summary->step.epoch > 1 ? summary->step.epoch : 1;
    double into = (double)summary->step.step - (double)(epoch - 1) * (double)per_epoch;
    double end = summary->state == SUMMARY_RUNNING ? screen->view->now : summary->last_t;
    int width = screen->view->columns - 48 > 10 ? screen->view->columns - 48 : 10;
    text_duration(summary->step.eta_seconds, eta, sizeof eta);
    text_duration(end - summary->begin, elapsed, sizeof elapsed);
    snprintf(left, sizeof left, "epoch %lld/%lld", (long long)epoch, (long long)epochs);
    tail_bar(into / (double)per_epoch, width, screen->view->utf8, bar, sizeof bar);
    put_line(screen, "%-20s %s  %.0f of %lld steps", left, bar, into, (long long)per_epoch);
    snprintf(left, sizeof left, "step %lld/%lld", (long long)summary->step.step,
             (long long)summary->step.steps);
    tail_bar(summary->step.steps > 0 ? (double)summary->step.step / (double)summary->step.steps : 0, width,
             screen->view->utf8, bar, sizeof bar);
    if (summary->state == SUMMARY_RUNNING) {
        put_line(screen, "%-20s %s  eta %s, up %s", left, bar, eta, elapsed);
    } else {
        put_line(screen, "%-20s %s  ran %s", left, bar, elapsed);
    }
}

static void put_losses(struct screen *screen, const struct status_summary *summary)
{
    char chart[CHART_BYTES], loss[32], total[32];
    int width = screen->view->columns - 20;
    put_line(screen, "loss %s", format_figure(summary->step.loss, "%.4f", total));
    tail_sparkline(summary->loss_history, summary->history, width, screen->view->utf8, chart, sizeof chart);
    put_line(screen, "  identity %8s %s", format_figure(summary->step.loss_cls, "%.4f", loss), chart);
    tail_sparkline(summary->domain_history, summary->history, width, screen->view->utf8, chart, sizeof chart);
    put_line(screen, "  domain   %8s %s", format_figure(summary->step.loss_dom, "%.4f", loss), chart);
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
    put_line(screen, "speed %s images/s, %s s a step",
             format_figure(summary->step.images_per_second, "%.1f", a),
             format_figure((double)summary->global_batch / summary->step.images_per_second, "%.2f", b));
    put_line(screen, "  data %s, compute %s, exchange %s",
             format_figure(summary->step.seconds.data, "%.3f", a),
             format_figure(summary->step.seconds.compute, "%.3f", b), format_exchange(summary, d));
    put_line(screen, "lr %s   lambda %s   gradient norm %s", format_figure(summary->step.lr, "%.4g", a),
             format_figure(summary->step.lambda, "%.3g", b),
             format_figure(summary->step.grad_norm, "%.3g", c));
    put_line(screen, "accuracy %s %%, of the dataset guessed %s %%",
             format_figure(100 * summary->step.accuracy, "%.1f", a),
             format_figure(100 * summary->step.domain_accuracy, "%.1f", b));
}

static void put_milestones(struct screen *screen, const struct status_summary *summary)
{
    char age[32], a[32], b[32], c[32];
    if (summary->checkpoint_step < 0) {
        put_line(screen, "checkpoint: none yet");
    } else {
        text_duration(screen->view->now - summary->checkpoint_t, age, sizeof age);
        put_line(screen, "checkpoint: step %lld, %s ago, %s", (long long)summary->checkpoint_step, age,
                 summary->checkpoint_path);
    }
    for (int i = 0; i < summary->eval_count; i++) {
        const struct summary_eval *eval = &summary->evals[i];
        put_line(screen, "eval %-20s %s +- %s %%, AUC %s, step %lld", eval->set,
                 format_figure(100 * eval->accuracy, "%.2f", a),
                 format_figure(100 * eval->accuracy_std, "%.2f", b), format_figure(eval->auc, "%.4f", c),
                 (long long)eval->step);
    }
}

static void put_trouble(struct screen *screen, const struct status_summary *summary)
{
    if (summary->warning[0] != '\0') {
        put_line(screen, "warning: %s", summary->warning);
    }
    if (summary->fault[0] != '\0') {
        put_wrapped(screen, "fault: ", summary->fault);
    }
}

static void put_workers(struct screen *screen, const struct status_summary *summary)
{
    int room = screen->view->rows > 0 ? screen->view->rows - screen->lines - 1 : summary->worker_count;
    int shown = summary->worker_count;
    if (shown > room) { /* the last line says how many are left out */
        shown = room > 1 ? room - 1 : 0;
    }
    for (int i = 0; i < shown; i++) {
        const struct summary_worker *worker = &summary->workers[i];
        char data[32], compute[32], exchange[32];
        put_line(screen, "rank %-3d %-14.14s %2d x %-7s data %s  compute %s  exchange %s s", worker->rank,
                 worker->host, worker->threads, worker->isa,
                 format_figure(worker->seconds.data, "%.3f", data),
                 format_figure(worker->seconds.compute, "%.3f", compute),
                 format_figure(worker->seconds.exchange, "%.3f", exchange));
    }
    if (shown < summary->worker_count) {
        put_line(screen, "and %d more workers", summary->worker_count - shown);
    }
}

char *tail_render(const struct status_summary *summary, const struct tail_view *view)
{
    char *text = NULL;
    size_t size;
    struct screen screen = {.out = open_memstream(&text, &size), .view = view};
    if (!screen.out) {
        return NULL;
    }
    if (summary->state == SUMMARY_NONE) {
        put_line(&screen, "%s: no record yet", view->path);
    } else {
        put_title(&screen, summary);
        put_progress(&screen, summary);
        put_losses(&screen, summary);
        put_figures(&screen, summary);
        put_milestones(&screen, summary);
        put_trouble(&screen, summary);
        put_workers(&screen, summary);
    }
    fclose(screen.out);
    return text;
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

json_t *tail_json(const struct status_summary *summary, const struct tail_view *view)
{
    json_t *history = json_array();
    for (int i = 0; i < summary->history; i++) {
        json_array_append_new(history, json_figure(summary->loss_history[i]));
    }
    /* The last step's members by the names that they have in the log; then what is the run's. */
    json_t *object = status_part_json(status_kind_part(STATUS_KIND_STEP), &summary->step);
    json_t *run = json_pack(
        "{s:s, s:o, s:o, s:o, s:o, s:i, s:i, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:o}", "state",
        tail_state(summary, view), "log", json_text(view->path), "name", json_text(summary->name), "version",
        json_text(summary->version), "age_seconds", json_figure(view->now - summary->last_t), "exit_code",
        summary->exit_code, "lanes", summary->lanes, "parameters", (json_int_t)summary->parameters,
        "steps_per_epoch", (json_int_t)summary->steps_per_epoch, "checkpoint",
        checkpoint_json(summary, view->now), "evals", evals_json(summary), "workers", workers_json(summary),
        "loss_history", history, "warning", json_text(summary->warning), "fault", json_text(summary->fault));
    if (!object || !run || json_object_update(object, run) != 0) {
        json_decref(object);
        object = NULL;
    }
    json_decref(run);
    return object;
}
