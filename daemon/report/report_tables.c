/* The tables of a report. */
#include "daemon/report/report_page.h"

#include "daemon/report/html.h"
#include "proto/file.h"
#include "proto/text.h"
#include "shard/identity/overlap_list.h"
#include "worker/checkpoint/checkpoint.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

/* Rows of a table; of longer lists the last ones. */
#define ROWS_MAX 60

static void cell(FILE *out, const char *class, const char *format, ...) __attribute__((format(printf, 3, 4)));

static void cell(FILE *out, const char *class, const char *format, ...)
{
    va_list arguments;
    fprintf(out, "<td%s%s%s>", class ? " class=\"" : "", class ? class : "", class ? "\"" : "");
    va_start(arguments, format);
    html_print_list(out, format, arguments);
    va_end(arguments);
    fputs("</td>", out);
}

/* A number that may be missing. */
static void figure_cell(FILE *out, int decimals, double value)
{
    if (isfinite(value)) {
        cell(out, NULL, "%.*f", decimals, value);
    } else {
        cell(out, NULL, "-");
    }
}

/* `headings`: parted by '|'; those that begin with '<' head columns of text. */
static void begin_table(FILE *out, const char *headings)
{
    fputs("<div class=\"scroll\"><table>\n<thead><tr>", out);
    while (*headings != '\0') {
        size_t length = strcspn(headings, "|");
        bool text = *headings == '<';
        fprintf(out, "<th%s>%.*s</th>", text ? " class=\"text\"" : "", (int)length - text, headings + text);
        headings += length + (headings[length] == '|');
    }
    fputs("</tr></thead>\n<tbody>\n", out);
}

static void end_table(FILE *out)
{
    fputs("</tbody></table></div>\n", out);
}

/* The first of `count` rows that are shown; says so where it is not the very first. */
static size_t first_row(FILE *out, size_t count)
{
    if (count <= ROWS_MAX) {
        return 0;
    }
    fprintf(out, "<p class=\"quiet\">The last %d of %zu.</p>\n", ROWS_MAX, count);
    return count - ROWS_MAX;
}

static void format_time(double t, char *text, size_t size)
{
    time_t seconds = (time_t)t;
    struct tm parts;
    if (!isfinite(t) || fabs(t) > 1e11 || !localtime_r(&seconds, &parts) ||
        strftime(text, size, "%Y-%m-%d %H:%M:%S", &parts) == 0) {
        snprintf(text, size, "-");
    }
}

static void time_cell(FILE *out, double t)
{
    char text[32];
    format_time(t, text, sizeof text);
    cell(out, "text", "%s", text);
}

/* --- The summary --- */

static void tile(FILE *out, const char *name, const char *format, ...) __attribute__((format(printf, 3, 4)));

static void tile(FILE *out, const char *name, const char *format, ...)
{
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    fputs("<div><dt>", out);
    html_text(out, name);
    fputs("</dt><dd>", out);
    html_text(out, text);
    fputs("</dd></div>\n", out);
}

/* Whether a later evaluation of the same set is there. */
static bool is_superseded(const struct report_log *log, size_t index)
{
    for (size_t i = index + 1; i < log->eval_count; i++) {
        if (strcmp(log->evals[i].eval.set, log->evals[index].eval.set) == 0) {
            return true;
        }
    }
    return false;
}

static void write_tiles(const struct report *report, FILE *out)
{
    const struct report_log *log = report->log;
    const struct status_summary *summary = log->summary;
    char text[64];
    double spent = 0, images = 0, classes = 0;
    int sets = 0;
    for (size_t i = 0; i < log->start_count; i++) {
        spent += fmax(0, log->starts[i].last_t - log->starts[i].start.head.t);
    }
    for (size_t i = 0; i < log->dataset_count; i++) {
        images += (double)log->datasets[i].images;
        classes += (double)log->datasets[i].classes;
    }
    fputs("<dl class=\"tiles\">\n", out);
    tile(out, "step", "%lld / %lld", (long long)summary->step.step, (long long)summary->step.steps);
    if (log->step_count > 0) {
        const struct status_step *last = &log->steps[log->step_count - 1];
        tile(out, "loss", "%.4g", last->loss);
        tile(out, "images/s", "%.4g", last->images_per_second);
    }
    for (size_t i = 0; i < log->eval_count && sets < 6; i++) {
        if (!is_superseded(log, i)) {
            tile(out, log->evals[i].eval.set, "%.2f %%", 100 * log->evals[i].eval.accuracy);
            sets++;
        }
    }
    text_duration(spent, text, sizeof text);
    tile(out, "time running", "%s", text);
    tile(out, "workers", "%zu", log->worker_count);
    tile(out, "images", "%.0f", images);
    tile(out, "identities", "%.0f", classes);
    tile(out, "parameters", "%.3g million", (double)summary->parameters / 1e6);
    fputs("</dl>\n", out);
}

static const struct status_fault *last_fault(const struct report_log *log)
{
    for (size_t i = log->note_count; i > 0; i--) {
        if (log->notes[i - 1].kind == STATUS_KIND_FAULT) {
            return &log->notes[i - 1].fault;
        }
    }
    return NULL;
}

void report_write_summary(const struct report *report, FILE *out)
{
    const struct status_summary *summary = report->log->summary;
    const struct status_fault *fault = last_fault(report->log);
    const char *state = status_summary_state_name(summary->state);
    char now[32], last[32];
    format_time(report->now, now, sizeof now);
    format_time(summary->last_t, last, sizeof last);
    fputs("<header>\n<h1>", out);
    html_text(out, summary->name);
    fprintf(out, "</h1>\n<p><span class=\"state %s\">%s</span> <span class=\"quiet\">", state, state);
    html_print(out, "%s, DAIL %s; the last record is of %s, this page of %s", report->run_dir,
               summary->version, last, now);
    fputs("</span></p>\n", out);
    if (status_summary_is_under_way(summary)) {
        fputs("<p class=\"quiet\">The run has no end recorded: it was still going, or was killed.</p>\n",
              out);
    }
    if (summary->state == SUMMARY_FAILED && fault) {
        fputs("<p class=\"trouble\">", out);
        html_print(out, "rank %d@%s: %s", (int)fault->rank, fault->host, fault->what);
        fputs("</p>\n", out);
    }
    if (report->log->garbage > 0) {
        fprintf(out, "<p class=\"trouble\">%lld lines of the status log are no records and left out.</p>\n",
                (long long)report->log->garbage);
    }
    fputs("</header>\n", out);
    write_tiles(report, out);
}

/* --- Verification --- */

static void rate_cell(FILE *out, double rate)
{
    figure_cell(out, 2, rate >= 0 ? 100 * rate : (double)NAN);
}

/* How many of a set's people stand in the datasets, as `dail overlap --against` found; a dash where it was not asked. */
static void leakage_cell(const char *run_dir, const char *set, FILE *out)
{
    char name[256], path[PATH_SIZE];
    struct error error;
    struct overlap_list list = {0};
    snprintf(name, sizeof name, OVERLAP_LEAKAGE_FILE, set);
    if (file_join(run_dir, name, path, &error) == STATUS_OK && file_exists(path) &&
        overlap_list_read(path, &list, &error) == STATUS_OK) {
        size_t people = 0;
        for (size_t i = 0; i < list.count; i++) {
            bool again = false;
            for (size_t j = 0; j < i && !again; j++) {
                again = strcmp(list.rows[j].identity[1], list.rows[i].identity[1]) == 0;
            }
            people += !again;
        }
        cell(out, NULL, "%zu", people);
    } else {
        cell(out, NULL, "-");
    }
    overlap_list_free(&list);
}

static void write_judged(const char *run_dir, const struct report_model *model, FILE *out)
{
    for (size_t i = 0; i < model->set_count; i++) {
        const struct report_set *set = &model->sets[i];
        const struct verification *result = &set->result;
        fputs("<tr>", out);
        cell(out, "text", "%s", set->name);
        if (set->trouble[0] != '\0') {
            fputs("<td class=\"wide\" colspan=\"10\">", out);
            html_text(out, set->trouble);
            fputs("</td></tr>\n", out);
            continue;
        }
        cell(out, NULL, "%lld", (long long)model->step);
        cell(out, NULL, "%zu", result->pairs);
        cell(out, NULL, "%.2f ± %.2f", 100 * result->accuracy, 100 * result->accuracy_std);
        figure_cell(out, 3, result->threshold);
        figure_cell(out, 5, result->auc);
        for (int f = 0; f < 3; f++) {
            rate_cell(out, result->tar[f]);
        }
        figure_cell(out, 2, result->norm);
        leakage_cell(run_dir, set->name, out);
        fputs("</tr>\n", out);
    }
}

static void write_logged(const char *run_dir, const struct report_log *log, FILE *out)
{
    for (size_t i = 0; i < log->eval_count; i++) {
        const struct status_eval *eval = &log->evals[i].eval;
        if (is_superseded(log, i)) {
            continue;
        }
        fputs("<tr>", out);
        cell(out, "text", "%s", eval->set);
        cell(out, NULL, "%lld", (long long)eval->step);
        cell(out, NULL, "%lld", (long long)eval->pairs);
        cell(out, NULL, "%.2f ± %.2f", 100 * eval->accuracy, 100 * eval->accuracy_std);
        figure_cell(out, 3, eval->threshold);
        figure_cell(out, 5, eval->auc);
        rate_cell(out, eval->tar.at_1e2);
        rate_cell(out, eval->tar.at_1e3);
        rate_cell(out, eval->tar.at_1e4);
        figure_cell(out, 2, eval->norm);
        leakage_cell(run_dir, eval->set, out);
        fputs("</tr>\n", out);
    }
}

void report_write_verification(const struct report *report, FILE *out)
{
    bool judged = report->model && report->model->trouble[0] == '\0' && report->model->set_count > 0;
    fputs("<h3>Validation sets</h3>\n", out);
    if (!judged && report->log->eval_count == 0) {
        fputs("<p class=\"quiet\">There are no results.</p>\n", out);
        return;
    }
    begin_table(
        out, "<set|step|pairs|accuracy %|threshold|AUC|TAR % at FAR 1e-2|1e-3|1e-4|norm|people in training");
    if (judged) {
        write_judged(report->run_dir, report->model, out);
    } else {
        write_logged(report->run_dir, report->log, out);
    }
    end_table(out);
    fputs(
        "<p class=\"quiet\">TAR: -, where the set has too few different pairs to tell. Norm: mean length "
        "of the "
        "embeddings before they are normalised. People in training: by dail overlap --against; -, where that "
        "was not asked.</p>\n",
        out);
}

/* --- Datasets, workers --- */

void report_write_datasets(const struct report *report, FILE *out)
{
    const struct report_log *log = report->log;
    double all = 0;
    fputs("<h3>What was trained on</h3>\n", out);
    if (log->dataset_count == 0) {
        fputs("<p class=\"quiet\">The status log names no dataset.</p>\n", out);
        return;
    }
    for (size_t i = 0; i < log->dataset_count; i++) {
        all += (double)log->datasets[i].images;
    }
    begin_table(out, "<dataset|number|identities|images|share %|images each|shards");
    for (size_t i = 0; i < log->dataset_count; i++) {
        const struct status_dataset *dataset = &log->datasets[i];
        fputs("<tr>", out);
        cell(out, "text", "%s", dataset->name);
        cell(out, NULL, "%zu", i + 1);
        cell(out, NULL, "%lld", (long long)dataset->classes);
        cell(out, NULL, "%lld", (long long)dataset->images);
        figure_cell(out, 1, 100 * (double)dataset->images / all);
        figure_cell(out, 1, (double)dataset->images / (double)dataset->classes);
        cell(out, NULL, "%lld", (long long)dataset->shards);
        fputs("</tr>\n", out);
    }
    end_table(out);
}

static void write_workers(const struct report *report, FILE *out)
{
    const struct report_log *log = report->log;
    fputs("<h3>Workers of the last start</h3>\n", out);
    if (log->worker_count == 0) {
        fputs("<p class=\"quiet\">The status log names no worker.</p>\n", out);
        return;
    }
    size_t first = first_row(out, log->worker_count);
    begin_table(out, "rank|<host|threads|<instructions|compute s|exchange s|data s|reports");
    for (size_t i = first; i < log->worker_count; i++) {
        const struct report_worker *worker = &log->workers[i];
        fputs("<tr>", out);
        cell(out, NULL, "%d", (int)worker->worker->rank);
        cell(out, "text", "%s", worker->worker->host);
        cell(out, NULL, "%d", (int)worker->worker->threads);
        cell(out, "text", "%s", worker->worker->isa);
        figure_cell(out, 4, worker->mean.compute);
        figure_cell(out, 4, worker->mean.exchange);
        figure_cell(out, 4, worker->mean.data);
        cell(out, NULL, "%lld", (long long)worker->reports);
        fputs("</tr>\n", out);
    }
    end_table(out);
}

/* When what began by the record at `index` was over: by a record, by the end of that start, or not yet (NaN). */
static double slow_until(const struct report_log *log, size_t index)
{
    const struct status_record *begin = &log->slows[index];
    double until = (double)NAN;
    for (size_t i = 0; i < log->start_count; i++) {
        if (log->starts[i].start.head.t <= begin->head.t) {
            bool over = i + 1 < log->start_count || log->starts[i].stop.kind == STATUS_KIND_STOP;
            until = over ? log->starts[i].last_t : (double)NAN;
        }
    }
    for (size_t i = index + 1; i < log->slow_count; i++) {
        const struct status_slow *slow = &log->slows[i].slow;
        if (slow->rank == begin->slow.rank && strcmp(slow->what, begin->slow.what) == 0) {
            return strcmp(slow->state, "ends") == 0 ? log->slows[i].head.t : until;
        }
    }
    return until;
}

static void write_slow(const struct report *report, FILE *out)
{
    const struct report_log *log = report->log;
    fputs("<h3>Who held the run up</h3>\n", out);
    if (log->slow_count == 0) {
        fputs("<p class=\"quiet\">Nobody.</p>\n", out);
        return;
    }
    size_t first = first_row(out, log->slow_count);
    begin_table(out, "rank|<host|<by|its own|the others|times|of the time %|<from|<to");
    for (size_t i = first; i < log->slow_count; i++) {
        const struct status_slow *slow = &log->slows[i].slow;
        double until = slow_until(log, i);
        if (strcmp(slow->state, "begins") != 0) {
            continue;
        }
        fputs("<tr>", out);
        cell(out, NULL, "%d", (int)slow->rank);
        cell(out, "text", "%s", slow->host);
        cell(out, "text", "%s", slow->what);
        figure_cell(out, 3, slow->own);
        figure_cell(out, 3, slow->others);
        figure_cell(out, 1, slow->others > 0 ? slow->own / slow->others : (double)NAN);
        figure_cell(out, 1, 100 * slow->share);
        time_cell(out, log->slows[i].head.t);
        if (isfinite(until)) {
            time_cell(out, until);
        } else {
            cell(out, "text", "now");
        }
        fputs("</tr>\n", out);
    }
    end_table(out);
}

void report_write_speed(const struct report *report, FILE *out)
{
    write_workers(report, out);
    write_slow(report, out);
}

/* --- Checkpoints, starts, notes --- */

void report_write_checkpoints(const struct report *report, FILE *out)
{
    const struct report_log *log = report->log;
    if (log->checkpoint_count == 0) {
        fputs("<p class=\"quiet\">The run has written no checkpoint yet.</p>\n", out);
        return;
    }
    size_t first = first_row(out, log->checkpoint_count);
    begin_table(out, "step|<written|MB|seconds|training stood still, s|<path|<now");
    for (size_t i = first; i < log->checkpoint_count; i++) {
        const struct status_checkpoint *checkpoint = &log->checkpoints[i].checkpoint;
        struct stat info;
        char path[PATH_SIZE];
        /* The log's path is as seen from where the run was started. */
        checkpoint_path(report->run_dir, checkpoint->step, NULL, path, sizeof path);
        fputs("<tr>", out);
        cell(out, NULL, "%lld", (long long)checkpoint->step);
        time_cell(out, log->checkpoints[i].head.t);
        figure_cell(out, 1, (double)checkpoint->bytes / 1e6);
        figure_cell(out, 2, checkpoint->seconds);
        figure_cell(out, 3, checkpoint->stall);
        cell(out, "path", "%s", checkpoint->path);
        cell(out, "text", "%s", stat(path, &info) == 0 ? "there" : "gone");
        fputs("</tr>\n", out);
    }
    end_table(out);
}

void report_write_starts(const struct report *report, FILE *out)
{
    const struct report_log *log = report->log;
    if (log->replaced > 0) {
        fprintf(out,
                "<p>%lld step records lie beyond the checkpoint that a later start went on from: the figures "
                "show "
                "what took their place.</p>\n",
                (long long)log->replaced);
    }
    size_t first = first_row(out, log->start_count);
    begin_table(out, "start|<at|from step|to step|workers|<lasted|<ended");
    for (size_t i = first; i < log->start_count; i++) {
        const struct report_start *start = &log->starts[i];
        char lasted[64];
        text_duration(start->last_t - start->start.head.t, lasted, sizeof lasted);
        fputs("<tr>", out);
        cell(out, NULL, "%zu", i + 1);
        time_cell(out, start->start.head.t);
        cell(out, NULL, "%lld", (long long)start->start.start.step);
        cell(out, NULL, "%lld", (long long)start->reached);
        cell(out, NULL, "%zu", start->start.start.workers.count);
        cell(out, "text", "%s", lasted);
        if (start->stop.kind == STATUS_KIND_STOP) {
            cell(out, "text", "%s (exit code %d)", start->stop.stop.reason, (int)start->stop.stop.exit_code);
        } else {
            cell(out, "text", "%s", i + 1 < log->start_count ? "without a word" : "not yet");
        }
        fputs("</tr>\n", out);
    }
    end_table(out);
}

void report_write_notes(const struct report *report, FILE *out)
{
    const struct report_log *log = report->log;
    if (log->note_count == 0) {
        fputs("<p class=\"quiet\">No warning and no fault.</p>\n", out);
        return;
    }
    size_t first = first_row(out, log->note_count);
    begin_table(out, "<at|<kind|<what");
    for (size_t i = first; i < log->note_count; i++) {
        const struct status_record *note = &log->notes[i];
        fputs("<tr>", out);
        time_cell(out, note->head.t);
        cell(out, "text", "%s", status_kind_name(note->kind));
        if (note->kind == STATUS_KIND_FAULT) {
            cell(out, "wide", "rank %d@%s: %s", (int)note->fault.rank, note->fault.host, note->fault.what);
        } else {
            cell(out, "wide", "%s", note->warning.what);
        }
        fputs("</tr>\n", out);
    }
    end_table(out);
}
