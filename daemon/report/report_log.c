#include "daemon/report/report_log.h"

#include "proto/status.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static double number(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_number(value) ? json_number_value(value) : (double)NAN;
}

static int64_t integer(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

static void text(const json_t *object, const char *key, char *to, size_t size)
{
    const char *value = json_string_value(json_object_get(object, key));
    snprintf(to, size, "%s", value ? value : "");
}

/* Room for one element more in *array, which has `count`; NULL and log->no_memory where there is none.
 * `array` points to a pointer to elements; the room doubles whenever it is full. */
static void *add(struct report_log *log, void *array, size_t count, size_t size)
{
    char *elements;
    memcpy(&elements, array, sizeof elements);
    if ((count & (count - 1)) == 0) {
        elements = realloc(elements, (count > 0 ? 2 * count : 1) * size);
        if (!elements) {
            log->no_memory = true;
            return NULL;
        }
        memcpy(array, &elements, sizeof elements);
    }
    memset(elements + count * size, 0, size);
    return elements + count * size;
}

/* Keeps those of `count` elements, each of which begins with its step, that lie not beyond `step`; returns
 * how many there are. */
static size_t keep_up_to(void *array, size_t count, size_t size, int64_t step)
{
    char *elements = array;
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        int64_t own;
        memcpy(&own, elements + i * size, sizeof own);
        if (own <= step) {
            memmove(elements + kept++ * size, elements + i * size, size);
        }
    }
    return kept;
}

/* What lies beyond a step that a start goes on from. */
static void forget_beyond(struct report_log *log, int64_t step)
{
    size_t steps = log->step_count;
    log->step_count = keep_up_to(log->steps, steps, sizeof *log->steps, step);
    log->replaced += (int64_t)(steps - log->step_count);
    log->eval_count = keep_up_to(log->evals, log->eval_count, sizeof *log->evals, step);
    log->checkpoint_count =
        keep_up_to(log->checkpoints, log->checkpoint_count, sizeof *log->checkpoints, step);
}

static void take_datasets(struct report_log *log, const json_t *datasets)
{
    size_t index;
    const json_t *dataset;
    log->dataset_count = 0;
    json_array_foreach(datasets, index, dataset)
    {
        struct report_dataset *entry = add(log, &log->datasets, log->dataset_count, sizeof *entry);
        if (!entry) {
            return;
        }
        log->dataset_count++;
        text(dataset, "name", entry->name, sizeof entry->name);
        entry->id = integer(dataset, "id");
        entry->classes = integer(dataset, "classes");
        entry->images = integer(dataset, "images");
        entry->shards = integer(dataset, "shards");
    }
}

static void take_workers(struct report_log *log, const json_t *workers)
{
    size_t index;
    const json_t *worker;
    log->worker_count = 0;
    json_array_foreach(workers, index, worker)
    {
        struct report_worker *entry = add(log, &log->workers, log->worker_count, sizeof *entry);
        if (!entry) {
            return;
        }
        log->worker_count++;
        entry->rank = (int)integer(worker, "rank");
        entry->threads = (int)integer(worker, "threads");
        text(worker, "host", entry->host, sizeof entry->host);
        text(worker, "isa", entry->isa, sizeof entry->isa);
        entry->data = entry->compute = entry->exchange = NAN;
    }
}

static void take_start(struct report_log *log, const json_t *record)
{
    int64_t step = integer(record, "step");
    struct report_start *start = add(log, &log->starts, log->start_count, sizeof *start);
    if (!start) {
        return;
    }
    log->start_count++;
    start->t = number(record, "t");
    start->step = start->reached = step;
    start->workers = (int)json_array_size(json_object_get(record, "workers"));
    forget_beyond(log, step);
    take_datasets(log, json_object_get(record, "datasets"));
    take_workers(log, json_object_get(record, "workers"));
}

/* The running mean takes a report that has all its numbers. */
static void take_worker_seconds(struct report_log *log, const json_t *seconds)
{
    int64_t rank = integer(seconds, "rank");
    double data = number(seconds, "data"), compute = number(seconds, "compute"),
           exchange = number(seconds, "exchange");
    for (size_t i = 0; i < log->worker_count && isfinite(data + compute + exchange); i++) {
        struct report_worker *worker = &log->workers[i];
        if (worker->rank != rank) {
            continue;
        }
        if (worker->reports++ == 0) {
            worker->data = worker->compute = worker->exchange = 0;
        }
        worker->data += (data - worker->data) / (double)worker->reports;
        worker->compute += (compute - worker->compute) / (double)worker->reports;
        worker->exchange += (exchange - worker->exchange) / (double)worker->reports;
    }
}

static void take_step(struct report_log *log, const json_t *record)
{
    static const struct {
        enum report_field field;
        const char *group, *key;
    } fields[] = {{REPORT_LOSS, NULL, "loss"},
                  {REPORT_LOSS_CLS, NULL, "loss_cls"},
                  {REPORT_LOSS_DOM, NULL, "loss_dom"},
                  {REPORT_ACCURACY, NULL, "accuracy"},
                  {REPORT_DOMAIN_ACCURACY, NULL, "domain_accuracy"},
                  {REPORT_LAMBDA, NULL, "lambda"},
                  {REPORT_LR, NULL, "lr"},
                  {REPORT_GRAD_NORM, NULL, "grad_norm"},
                  {REPORT_IMAGES_PER_SECOND, NULL, "images_per_second"},
                  {REPORT_DATA, "seconds", "data"},
                  {REPORT_COMPUTE, "seconds", "compute"},
                  {REPORT_EXCHANGE, "seconds", "exchange"}};
    struct report_step *step = add(log, &log->steps, log->step_count, sizeof *step);
    if (!step) {
        return;
    }
    log->step_count++;
    step->step = integer(record, "step");
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        const json_t *object = fields[i].group ? json_object_get(record, fields[i].group) : record;
        step->value[fields[i].field] = number(object, fields[i].key);
    }
    if (log->start_count > 0) {
        log->starts[log->start_count - 1].reached = step->step;
    }
    size_t index;
    const json_t *worker;
    json_array_foreach(json_object_get(record, "workers"), index, worker)
    {
        take_worker_seconds(log, worker);
    }
}

static void take_eval(struct report_log *log, const json_t *record)
{
    static const char *const fars[3] = {"1e-2", "1e-3", "1e-4"};
    struct report_eval *eval = add(log, &log->evals, log->eval_count, sizeof *eval);
    if (!eval) {
        return;
    }
    log->eval_count++;
    eval->step = integer(record, "step");
    eval->pairs = integer(record, "pairs");
    text(record, "set", eval->set, sizeof eval->set);
    eval->accuracy = number(record, "accuracy");
    eval->accuracy_std = number(record, "accuracy_std");
    eval->threshold = number(record, "threshold");
    eval->auc = number(record, "auc");
    eval->norm = number(record, "norm");
    for (int i = 0; i < 3; i++) {
        eval->tar[i] = number(json_object_get(record, "tar"), fars[i]);
    }
}

static void take_checkpoint(struct report_log *log, const json_t *record)
{
    struct report_checkpoint *checkpoint =
        add(log, &log->checkpoints, log->checkpoint_count, sizeof *checkpoint);
    if (!checkpoint) {
        return;
    }
    log->checkpoint_count++;
    checkpoint->t = number(record, "t");
    checkpoint->step = integer(record, "step");
    checkpoint->bytes = number(record, "bytes");
    checkpoint->seconds = number(record, "seconds");
    checkpoint->stall = number(record, "stall");
    text(record, "path", checkpoint->path, sizeof checkpoint->path);
}

static void take_note(struct report_log *log, const json_t *record, bool fault)
{
    struct report_note *note = add(log, &log->notes, log->note_count, sizeof *note);
    if (!note) {
        return;
    }
    log->note_count++;
    note->t = number(record, "t");
    note->fault = fault;
    note->rank = (int)integer(record, "rank");
    text(record, "host", note->host, sizeof note->host);
    text(record, "what", note->what, sizeof note->what);
}

static void take_stop(struct report_log *log, const json_t *record)
{
    if (log->start_count == 0) {
        return;
    }
    struct report_start *start = &log->starts[log->start_count - 1];
    start->ended = true;
    start->exit_code = (int)integer(record, "exit_code");
    text(record, "reason", start->reason, sizeof start->reason);
}

static void take(struct report_log *log, const json_t *record)
{
    const char *kind = json_string_value(json_object_get(record, "kind"));
    status_summary_fold(log->summary, record);
    if (strcmp(kind, "start") == 0) {
        take_start(log, record);
    } else if (strcmp(kind, "step") == 0) {
        take_step(log, record);
    } else if (strcmp(kind, "eval") == 0) {
        take_eval(log, record);
    } else if (strcmp(kind, "checkpoint") == 0) {
        take_checkpoint(log, record);
    } else if (strcmp(kind, "warning") == 0 || strcmp(kind, "fault") == 0) {
        take_note(log, record, kind[0] == 'f');
    } else if (strcmp(kind, "stop") == 0) {
        take_stop(log, record);
    }
    if (log->start_count > 0) {
        log->starts[log->start_count - 1].last_t = number(record, "t");
    }
}

enum status report_log_read(const char *path, struct report_log *log, struct error *error)
{
    struct status_reader reader;
    *log = (struct report_log){.summary = malloc(sizeof *log->summary)};
    if (!log->summary) {
        return error_set(error, STATUS_INTERNAL, path, NULL, "out of memory");
    }
    status_summary_init(log->summary);
    status_reader_open(&reader, path);
    json_t *record;
    while (!log->no_memory && (record = status_reader_next(&reader))) {
        take(log, record);
        json_decref(record);
    }
    log->garbage = reader.garbage;
    bool exists = status_reader_exists(&reader);
    status_reader_close(&reader);
    if (log->no_memory) {
        return error_set(error, STATUS_INTERNAL, path, NULL, "out of memory");
    }
    if (log->summary->state == SUMMARY_NONE) {
        return error_set(error, STATUS_DATA, path, "name the run's folder (run.dir)",
                         exists ? "the status log holds no record" : "there is no status log");
    }
    return STATUS_OK;
}

void report_log_free(struct report_log *log)
{
    free(log->summary);
    free(log->steps);
    free(log->evals);
    free(log->checkpoints);
    free(log->starts);
    free(log->notes);
    free(log->datasets);
    free(log->workers);
    *log = (struct report_log){0};
}
