#include "proto/status_summary.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define INTEGER_MAX ((int64_t)1 << 53)

/* Numbers that JSON cannot hold are null in the log, and missing here means as much. */
static double number(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

/* Within what a double holds exactly: nothing counted in a run is more, and sums of such do not overflow. */
static int64_t integer(const json_t *object, const char *key)
{
    const json_int_t value = json_integer_value(json_object_get(object, key));
    return value > INTEGER_MAX ? INTEGER_MAX : value < -INTEGER_MAX ? -INTEGER_MAX : value;
}

static void text(const json_t *object, const char *key, char *to, size_t size)
{
    const char *value = json_string_value(json_object_get(object, key));
    size_t length = 0;
    for (const char *from = value ? value : ""; *from != '\0' && length + 1 < size; from++) {
        unsigned char byte = (unsigned char)*from;
        /* The log's text is shown on a terminal: its control characters, U+0080 to U+009F among them, are
         * not. */
        bool high_control = byte == 0xc2 && (unsigned char)from[1] >= 0x80 && (unsigned char)from[1] < 0xa0;
        from += high_control;
        to[length++] = byte < 0x20 || byte == 0x7f || high_control ? '?' : *from;
    }
    /* Not within a character. */
    size_t begin = length;
    while (begin > 0 && ((unsigned char)to[begin - 1] & 0xc0) == 0x80) {
        begin--;
    }
    if (begin > 0 && (unsigned char)to[begin - 1] >= 0xc0) {
        unsigned char lead = (unsigned char)to[begin - 1];
        size_t needed = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
        length = length - (begin - 1) < needed ? begin - 1 : length;
    }
    to[length] = '\0';
}

void status_summary_init(struct status_summary *summary)
{
    memset(summary, 0, sizeof *summary);
    summary->checkpoint_step = -1;
}

static void fold_start(struct status_summary *summary, const json_t *record, double t)
{
    if (!json_is_string(json_object_get(record, "resumed_from"))) {
        status_summary_init(summary);
    }
    summary->state = SUMMARY_RUNNING;
    summary->begin = t;
    summary->exit_code = 0;
    summary->warning[0] = summary->fault[0] = '\0';
    text(record, "name", summary->name, sizeof summary->name);
    text(record, "version", summary->version, sizeof summary->version);
    summary->lanes = (int)integer(record, "lanes");
    summary->global_batch = integer(record, "global_batch");
    summary->parameters = integer(record, "parameters");
    summary->steps = integer(record, "steps");
    summary->steps_per_epoch = integer(record, "steps_per_epoch");
    summary->step = integer(record, "step");
    summary->epoch = summary->steps_per_epoch > 0 ? summary->step / summary->steps_per_epoch : 0;
    summary->worker_count = 0;
    size_t index;
    const json_t *worker;
    json_array_foreach(json_object_get(record, "workers"), index, worker)
    {
        if (summary->worker_count == SUMMARY_WORKERS) {
            break;
        }
        struct summary_worker *entry = &summary->workers[summary->worker_count++];
        *entry = (struct summary_worker){.rank = (int)integer(worker, "rank"),
                                         .threads = (int)integer(worker, "threads"),
                                         .data = NAN,
                                         .compute = NAN,
                                         .exchange = NAN,
                                         .hidden = NAN};
        text(worker, "host", entry->host, sizeof entry->host);
        text(worker, "isa", entry->isa, sizeof entry->isa);
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
    summary->loss_history[summary->history] = summary->loss_cls;
    summary->domain_history[summary->history] = summary->loss_dom;
    summary->history++;
}

static void fold_step_workers(struct status_summary *summary, const json_t *workers)
{
    size_t index;
    const json_t *worker;
    json_array_foreach(workers, index, worker)
    {
        int rank = (int)integer(worker, "rank");
        for (int i = 0; i < summary->worker_count; i++) {
            if (summary->workers[i].rank == rank) {
                summary->workers[i].data = number(worker, "data");
                summary->workers[i].compute = number(worker, "compute");
                summary->workers[i].exchange = number(worker, "exchange");
                summary->workers[i].hidden = number(worker, "exchange_hidden");
            }
        }
    }
}

static void fold_step(struct status_summary *summary, const json_t *record)
{
    const json_t *seconds = json_object_get(record, "seconds");
    if (summary->state == SUMMARY_FAILED && summary->exit_code == 0) {
        summary->state = SUMMARY_RUNNING; /* the fault did not end the run */
    }
    summary->epoch = integer(record, "epoch");
    summary->step = integer(record, "step");
    summary->steps = integer(record, "steps");
    summary->loss = number(record, "loss");
    summary->loss_cls = number(record, "loss_cls");
    summary->loss_dom = number(record, "loss_dom");
    summary->accuracy = number(record, "accuracy");
    summary->domain_accuracy = number(record, "domain_accuracy");
    summary->lambda = number(record, "lambda");
    summary->lr = number(record, "lr");
    summary->grad_norm = number(record, "grad_norm");
    summary->images_per_second = number(record, "images_per_second");
    summary->eta_seconds = number(record, "eta_seconds");
    summary->data = number(seconds, "data");
    summary->compute = number(seconds, "compute");
    summary->exchange = number(seconds, "exchange");
    summary->hidden = number(seconds, "exchange_hidden");
    push_history(summary);
    fold_step_workers(summary, json_object_get(record, "workers"));
}

static void fold_eval(struct status_summary *summary, const json_t *record)
{
    char set[sizeof summary->evals[0].set];
    int i = 0;
    text(record, "set", set, sizeof set);
    while (i < summary->eval_count && strcmp(summary->evals[i].set, set) != 0) {
        i++;
    }
    if (i == SUMMARY_SETS) {
        return;
    }
    summary->eval_count += i == summary->eval_count;
    struct summary_eval *eval = &summary->evals[i];
    *eval = (struct summary_eval){.step = integer(record, "step"),
                                  .pairs = integer(record, "pairs"),
                                  .accuracy = number(record, "accuracy"),
                                  .accuracy_std = number(record, "accuracy_std"),
                                  .auc = number(record, "auc")};
    memcpy(eval->set, set, sizeof set);
}

static void fold_fault(struct status_summary *summary, const json_t *record)
{
    char host[128], what[256];
    text(record, "host", host, sizeof host);
    text(record, "what", what, sizeof what);
    snprintf(summary->fault, sizeof summary->fault, "rank %d@%s: %s", (int)integer(record, "rank"), host,
             what);
    summary->state = SUMMARY_FAILED;
}

static void fold_stop(struct status_summary *summary, const json_t *record)
{
    const json_t *code = json_object_get(record, "exit_code");
    summary->exit_code = json_is_integer(code) ? (int)json_integer_value(code) : 1;
    summary->state = summary->exit_code == 0    ? SUMMARY_DONE
                     : summary->exit_code == 75 ? SUMMARY_STOPPED
                                                : SUMMARY_FAILED;
}

void status_summary_fold(struct status_summary *summary, const json_t *record)
{
    const char *kind = json_string_value(json_object_get(record, "kind"));
    double t = number(record, "t");
    if (!kind) {
        return;
    }
    if (strcmp(kind, "start") == 0) {
        fold_start(summary, record, t);
    } else if (strcmp(kind, "step") == 0) {
        fold_step(summary, record);
    } else if (strcmp(kind, "eval") == 0) {
        fold_eval(summary, record);
    } else if (strcmp(kind, "checkpoint") == 0) {
        summary->checkpoint_step = integer(record, "step");
        summary->checkpoint_t = t;
        text(record, "path", summary->checkpoint_path, sizeof summary->checkpoint_path);
    } else if (strcmp(kind, "warning") == 0) {
        text(record, "what", summary->warning, sizeof summary->warning);
    } else if (strcmp(kind, "fault") == 0) {
        fold_fault(summary, record);
    } else if (strcmp(kind, "stop") == 0) {
        fold_stop(summary, record);
    }
    if (isfinite(t)) {
        summary->last_t = t;
    }
}

const char *status_summary_state_name(enum summary_state state)
{
    static const char *const names[] = {"none", "running", "done", "stopped", "failed"};
    return names[state];
}
