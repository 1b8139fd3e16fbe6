#include "daemon/report/report_log.h"

#include "proto/status/status_reader.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* Keeps a record, which becomes the array's; frees it where there is no room. */
static void keep(struct report_log *log, struct status_record **array, size_t *count,
                 struct status_record *record)
{
    struct status_record *entry = add(log, array, *count, sizeof *entry);
    if (!entry) {
        status_record_free(record);
        return;
    }
    *entry = *record;
    (*count)++;
}

static void free_records(struct status_record *records, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        status_record_free(&records[i]);
    }
    free(records);
}

/* What lies beyond a step that a start goes on from. */
static void forget_beyond(struct report_log *log, int64_t step)
{
    size_t steps = 0, evals = 0, checkpoints = 0;
    for (size_t i = 0; i < log->step_count; i++) {
        if (log->steps[i].step <= step) {
            log->steps[steps++] = log->steps[i];
        }
    }
    log->replaced += (int64_t)(log->step_count - steps);
    log->step_count = steps;
    for (size_t i = 0; i < log->eval_count; i++) {
        if (log->evals[i].eval.step <= step) {
            log->evals[evals++] = log->evals[i];
        } else {
            status_record_free(&log->evals[i]);
        }
    }
    log->eval_count = evals;
    for (size_t i = 0; i < log->checkpoint_count; i++) {
        if (log->checkpoints[i].checkpoint.step <= step) {
            log->checkpoints[checkpoints++] = log->checkpoints[i];
        } else {
            status_record_free(&log->checkpoints[i]);
        }
    }
    log->checkpoint_count = checkpoints;
    size_t groups = 0;
    for (size_t i = 0; i < log->group_count; i++) {
        if (log->groups[i].step <= step) {
            log->groups[groups++] = log->groups[i];
        }
    }
    log->group_count = groups;
}

static void take_groups(struct report_log *log, struct status_record *record)
{
    struct status_groups *groups = add(log, &log->groups, log->group_count, sizeof *groups);
    if (groups) {
        *groups = record->groups;
        log->group_count++;
    }
    status_record_free(record);
}

static void take_workers(struct report_log *log, const struct status_start *start)
{
    log->worker_count = 0;
    for (size_t i = 0; i < start->workers.count; i++) {
        struct report_worker *entry = add(log, &log->workers, log->worker_count, sizeof *entry);
        if (!entry) {
            return;
        }
        log->worker_count++;
        entry->worker = &start->workers.at[i];
        entry->mean.data = entry->mean.compute = entry->mean.exchange = NAN;
    }
}

static void take_start(struct report_log *log, struct status_record *record)
{
    struct report_start *entry = add(log, &log->starts, log->start_count, sizeof *entry);
    if (!entry) {
        status_record_free(record);
        return;
    }
    const struct status_start *start = &record->start;
    log->start_count++;
    entry->start = *record;
    entry->reached = start->step;
    forget_beyond(log, start->step);
    log->datasets = start->datasets.at;
    log->dataset_count = start->datasets.count;
    take_workers(log, start);
}

/* The running mean takes a report that has all its numbers. */
static void take_worker_seconds(struct report_log *log, const struct status_worker_seconds *seconds)
{
    for (size_t i = 0; i < log->worker_count; i++) {
        struct report_worker *worker = &log->workers[i];
        if (worker->worker->rank != seconds->rank ||
            !isfinite(seconds->data + seconds->compute + seconds->exchange)) {
            continue;
        }
        if (worker->reports++ == 0) {
            worker->mean = (struct status_worker_seconds){0};
        }
        double weight = 1 / (double)worker->reports;
        worker->mean.data += (seconds->data - worker->mean.data) * weight;
        worker->mean.compute += (seconds->compute - worker->mean.compute) * weight;
        worker->mean.exchange += (seconds->exchange - worker->mean.exchange) * weight;
    }
}

static void take_step(struct report_log *log, struct status_record *record)
{
    struct status_step *step = add(log, &log->steps, log->step_count, sizeof *step);
    for (size_t i = 0; i < record->step.workers.count; i++) {
        take_worker_seconds(log, &record->step.workers.at[i]);
    }
    if (step) {
        *step = record->step;
        step->workers.at = NULL;
        step->workers.count = 0;
        log->step_count++;
    }
    if (log->start_count > 0) {
        log->starts[log->start_count - 1].reached = record->step.step;
    }
    status_record_free(record);
}

static void take_stop(struct report_log *log, struct status_record *record)
{
    if (log->start_count == 0) {
        status_record_free(record);
        return;
    }
    struct status_record *stop = &log->starts[log->start_count - 1].stop;
    status_record_free(stop);
    *stop = *record;
}

/* Takes over the record. */
static void take(struct report_log *log, struct status_record *record)
{
    double t = record->head.t;
    status_summary_fold(log->summary, record);
    switch (record->kind) {
    case STATUS_KIND_START:
        take_start(log, record);
        break;
    case STATUS_KIND_STEP:
        take_step(log, record);
        break;
    case STATUS_KIND_EVAL:
        keep(log, &log->evals, &log->eval_count, record);
        break;
    case STATUS_KIND_GROUPS:
        take_groups(log, record);
        break;
    case STATUS_KIND_CHECKPOINT:
        keep(log, &log->checkpoints, &log->checkpoint_count, record);
        break;
    case STATUS_KIND_SLOW:
        keep(log, &log->slows, &log->slow_count, record);
        break;
    case STATUS_KIND_STALL: /* a warning says the same */
        break;
    case STATUS_KIND_WARNING:
    case STATUS_KIND_FAULT:
        keep(log, &log->notes, &log->note_count, record);
        break;
    case STATUS_KIND_STOP:
        take_stop(log, record);
        break;
    case STATUS_KIND_PLAN:
    case STATUS_KIND_UNKNOWN:
    case STATUS_KINDS:
        status_record_free(record);
        break;
    }
    if (log->start_count > 0) {
        log->starts[log->start_count - 1].last_t = t;
    }
}

enum status report_log_read(const char *path, struct report_log *log, struct error *error)
{
    struct status_reader reader;
    *log = (struct report_log){.summary = malloc(sizeof *log->summary)};
    if (!log->summary) {
        return error_no_memory(error, path);
    }
    status_summary_init(log->summary);
    status_reader_open_whole(&reader, path);
    struct status_record record;
    while (!log->no_memory && status_reader_next(&reader, &record)) {
        take(log, &record);
    }
    log->garbage = reader.garbage;
    bool exists = status_reader_exists(&reader);
    status_reader_close(&reader);
    if (log->no_memory) {
        return error_no_memory(error, path);
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
    free_records(log->evals, log->eval_count);
    free_records(log->checkpoints, log->checkpoint_count);
    free_records(log->notes, log->note_count);
    free_records(log->slows, log->slow_count);
    for (size_t i = 0; i < log->start_count; i++) {
        status_record_free(&log->starts[i].start);
        status_record_free(&log->starts[i].stop);
    }
    free(log->groups);
    free(log->starts);
    free(log->workers);
    *log = (struct report_log){0};
}
