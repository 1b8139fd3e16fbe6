#include "proto/status/status_summary.h"

#include "proto/text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

void status_summary_init(struct status_summary *summary)
{
    memset(summary, 0, sizeof *summary);
    status_part_clear(status_kind_part(STATUS_KIND_STEP), &summary->step);
    summary->checkpoint_step = -1;
}

static void fold_worker(struct status_summary *summary, const struct status_worker *worker)
{
    if (summary->worker_count == SUMMARY_WORKERS) {
        return;
    }
    struct summary_worker *entry = &summary->workers[summary->worker_count++];
    *entry =
        (struct summary_worker){.rank = (int)worker->rank,
                                .threads = (int)worker->threads,
                                .seconds = {.data = NAN, .compute = NAN, .exchange = NAN, .hidden = NAN}};
    text_copy(worker->host, entry->host, sizeof entry->host);
    text_copy(worker->isa, entry->isa, sizeof entry->isa);
}

static void fold_start(struct status_summary *summary, const struct status_start *start, double t)
{
    if (start->resumed_from[0] == '\0') {
        status_summary_init(summary);
    }
    summary->state = SUMMARY_RUNNING;
    summary->begin = t;
    summary->exit_code = 0;
    summary->warning[0] = summary->fault[0] = '\0';
    summary->slow_count = 0;
    text_copy(start->name, summary->name, sizeof summary->name);
    text_copy(start->version, summary->version, sizeof summary->version);
    summary->lanes = (int)start->lanes;
    summary->global_batch = start->global_batch;
    summary->parameters = start->parameters;
    summary->steps_per_epoch = start->steps_per_epoch;
    summary->step.steps = start->steps;
    summary->step.step = start->step;
    /* As a step record has it: the epoch of the last step done. */
    summary->step.epoch =
        start->step > 0 && start->steps_per_epoch > 0 ? 1 + (start->step - 1) / start->steps_per_epoch : 1;
    summary->worker_count = 0;
    for (size_t i = 0; i < start->workers.count; i++) {
        fold_worker(summary, &start->workers.at[i]);
    }
}

static void push_history(struct status_summary *summary)
{
    if (summary->history == SUMMARY_HISTORY) {
        size_t kept = sizeof(double) * (SUMMARY_HISTORY - 1);
        memmove(summary->loss_history, summary->loss_history + 1, kept);
        memmove(summary->domain_history, summary->domain_history + 1, kept);
        summary->history--;
    }
    summary->loss_history[summary->history] = summary->step.loss_cls;
    summary->domain_history[summary->history] = summary->step.loss_dom;
    summary->history++;
}

static void fold_worker_seconds(struct status_summary *summary, const struct status_worker_seconds *seconds)
{
    for (int i = 0; i < summary->worker_count; i++) {
        if (summary->workers[i].rank == seconds->rank) {
            summary->workers[i].seconds = *seconds;
        }
    }
}

static void fold_step(struct status_summary *summary, const struct status_step *step)
{
    if (summary->state == SUMMARY_FAILED && summary->exit_code == 0) {
        summary->state = SUMMARY_RUNNING; /* the fault did not end the run */
    }
    if (summary->state == SUMMARY_STALLED) {
        summary->state = SUMMARY_RUNNING;
    }
    for (size_t i = 0; i < step->workers.count; i++) {
        fold_worker_seconds(summary, &step->workers.at[i]);
    }
    summary->step = *step;
    summary->step.workers.at = NULL;
    summary->step.workers.count = 0;
    push_history(summary);
}

static void fold_eval(struct status_summary *summary, const struct status_eval *eval)
{
    char set[sizeof summary->evals[0].set];
    int i = 0;
    text_copy(eval->set, set, sizeof set);
    while (i < summary->eval_count && strcmp(summary->evals[i].set, set) != 0) {
        i++;
    }
    if (i == SUMMARY_SETS) {
        return;
    }
    summary->eval_count += i == summary->eval_count;
    summary->evals[i] = (struct summary_eval){.step = eval->step,
                                              .pairs = eval->pairs,
                                              .accuracy = eval->accuracy,
                                              .accuracy_std = eval->accuracy_std,
                                              .auc = eval->auc};
    memcpy(summary->evals[i].set, set, sizeof set);
}

static void fold_checkpoint(struct status_summary *summary, const struct status_checkpoint *checkpoint,
                            double t)
{
    summary->checkpoint_step = checkpoint->step;
    summary->checkpoint_t = t;
    text_copy(checkpoint->path, summary->checkpoint_path, sizeof summary->checkpoint_path);
}

static void fold_slow(struct status_summary *summary, const struct status_slow *slow, double t)
{
    struct summary_slow entry = {
        .rank = (int)slow->rank, .since = t, .own = slow->own, .others = slow->others, .share = slow->share};
    int at = 0;
    text_copy(slow->host, entry.host, sizeof entry.host);
    text_copy(slow->what, entry.what, sizeof entry.what);
    while (at < summary->slow_count &&
           (summary->slow[at].rank != entry.rank || strcmp(summary->slow[at].what, entry.what) != 0)) {
        at++;
    }
    if (strcmp(slow->state, "begins") == 0 && at < SUMMARY_SLOW) {
        summary->slow[at] = entry;
        summary->slow_count += at == summary->slow_count;
    } else if (strcmp(slow->state, "ends") == 0 && at < summary->slow_count) {
        size_t behind = (size_t)(summary->slow_count - at - 1);
        memmove(&summary->slow[at], &summary->slow[at + 1], behind * sizeof *summary->slow);
        summary->slow_count--;
    }
}

static void fold_fault(struct status_summary *summary, const struct status_fault *fault)
{
    char host[128], what[768];
    text_copy(fault->host, host, sizeof host);
    text_copy(fault->what, what, sizeof what);
    snprintf(summary->fault, sizeof summary->fault, "rank %d@%s: %s", (int)fault->rank, host, what);
    summary->state = SUMMARY_FAILED;
}

static void fold_stop(struct status_summary *summary, const struct status_stop *stop)
{
    /* A missing code reads as 0, which alone is no success. */
    bool done = stop->exit_code == 0 && strcmp(stop->reason, "done") == 0;
    summary->exit_code = stop->exit_code == 0 && !done ? 1 : (int)stop->exit_code;
    summary->state = summary->exit_code == 0    ? SUMMARY_DONE
                     : summary->exit_code == 75 ? SUMMARY_STOPPED
                                                : SUMMARY_FAILED;
}

void status_summary_fold(struct status_summary *summary, const struct status_record *record)
{
    switch (record->kind) {
    case STATUS_KIND_START:
        fold_start(summary, &record->start, record->head.t);
        break;
    case STATUS_KIND_STEP:
        fold_step(summary, &record->step);
        break;
    case STATUS_KIND_EVAL:
        fold_eval(summary, &record->eval);
        break;
    case STATUS_KIND_GROUPS:
        summary->groups = record->groups;
        break;
    case STATUS_KIND_CHECKPOINT:
        fold_checkpoint(summary, &record->checkpoint, record->head.t);
        break;
    case STATUS_KIND_WARNING:
        text_copy(record->warning.what, summary->warning, sizeof summary->warning);
        break;
    case STATUS_KIND_SLOW:
        fold_slow(summary, &record->slow, record->head.t);
        break;
    case STATUS_KIND_STALL:
        if (summary->state == SUMMARY_RUNNING || summary->state == SUMMARY_STALLED) {
            summary->state = strcmp(record->stall.state, "ends") == 0 ? SUMMARY_RUNNING : SUMMARY_STALLED;
        }
        break;
    case STATUS_KIND_FAULT:
        fold_fault(summary, &record->fault);
        break;
    case STATUS_KIND_STOP:
        fold_stop(summary, &record->stop);
        break;
    case STATUS_KIND_PLAN:
    case STATUS_KIND_UNKNOWN:
    case STATUS_KINDS:
        break;
    }
    if (isfinite(record->head.t)) {
        summary->last_t = record->head.t;
    }
}

bool status_summary_is_under_way(const struct status_summary *summary)
{
    return summary->state == SUMMARY_RUNNING || summary->state == SUMMARY_STALLED;
}

const char *status_summary_state_name(enum summary_state state)
{
    static const char *const names[] = {"none", "running", "stalled", "done", "stopped", "failed"};
    return names[state];
}
