#include "worker/worker.h"

#include "proto/clock.h"
#include "worker/blas.h"
#include "worker/evaluate/evaluation.h"
#include "worker/restore.h"
#include "worker/worker_checkpoint.h"
#include "worker/worker_identity.h"
#include "worker/worker_messages.h"
#include "worker/worker_numeric.h"

#include <stdlib.h>
#include <string.h>

/* A worker that leaves waits so long for the end of a write under way. */
#define LAST_WRITE_SECONDS 600.0

static bool is_started(const struct worker *worker)
{
    return worker->started;
}

static bool has_leases(const struct worker *worker)
{
    int64_t epoch = worker->step / worker->trainer.steps_per_epoch;
    const struct worker_epoch *leases = &worker->epochs[epoch & 1];
    return leases->epoch == epoch && leases->lanes == worker->trainer.own_lanes;
}

static enum status say_hello(struct worker *worker, struct error *error)
{
    struct message message = {.kind = MESSAGE_HELLO, .hello = worker->context->hello};
    enum isa isa;
    enum status status = isa_detect(&isa, error);
    if (status != STATUS_OK) {
        return status;
    }
    snprintf(message.hello.isa, sizeof message.hello.isa, "%s", isa_name(isa));
    const char *kernel = blas_lesser_kernel();
    snprintf(message.hello.blas_kernel, sizeof message.hello.blas_kernel, "%s", kernel ? kernel : "");
    message.hello.threads = worker->context->threads;
    message.hello.memory_needed =
        trainer_memory_bytes(&worker->trainer) + save_memory_bytes(&worker->trainer);
    message.hello.seconds_per_image = trainer_measure(&worker->trainer);
    return worker_send(worker, &message, error);
}

/* The weights to begin with: the checkpoint's that the coordinator named, or initial ones. */
static enum status load_weights(struct worker *worker, struct error *error)
{
    struct trainer *trainer = &worker->trainer;
    enum status status;
    if (worker->start.checkpoint[0] == '\0') {
        status = restore_initial_weights(trainer, error);
    } else {
        status = restore_checkpoint(trainer, worker->start.checkpoint, error);
    }
    return status;
}

static enum status open_validation(struct worker *worker, struct error *error)
{
    const struct config *config = worker->context->config;
    worker->pairs = calloc(config->validation.count + 1, sizeof *worker->pairs);
    if (!worker->pairs) {
        return error_no_memory(error, "worker");
    }
    for (size_t i = 0; i < config->validation.count; i++) {
        enum status status = pairs_open(config->validation.paths[i], &worker->pairs[i], error);
        if (status != STATUS_OK) {
            return status;
        }
        worker->pairs_open = i + 1;
    }
    return STATUS_OK;
}

/* Time goes to training from here on: what came before is not the steps'. */
static void begin_window(struct worker *worker)
{
    memset(&worker->window, 0, sizeof worker->window);
    worker->window.begin = clock_monotonic();
}

static enum status report_step(struct worker *worker, const struct step_result *result, struct error *error)
{
    const struct trainer *trainer = &worker->trainer;
    int every = worker->context->config->log.every;
    worker->window.data += result->seconds_data;
    worker->window.compute += result->seconds_compute;
    worker->window.exchange += result->seconds_exchange;
    worker->window.hidden += result->seconds_hidden;
    worker->window.classifier += result->seconds_classifier;
    for (int kind = 0; kind < TRAFFIC_KINDS; kind++) {
        worker->window.bytes[kind] += result->bytes[kind];
        worker->window.bytes_all += result->bytes[kind];
    }
    worker->window.steps++;
    bool stop_here = worker->context->config->debug.stop_after_step == worker->step;
    if (worker->step % every != 0 && worker->step != trainer->steps && !stop_here) {
        return STATUS_OK;
    }
    double steps = worker->window.steps;
    struct message message = {.kind = MESSAGE_STEP,
                              .step = {.step = worker->step,
                                       .epoch = (worker->step - 1) / trainer->steps_per_epoch,
                                       .loss = result->loss,
                                       .loss_cls = result->loss_cls,
                                       .loss_dom = result->loss_dom,
                                       .accuracy = result->accuracy,
                                       .domain_accuracy = result->domain_accuracy,
                                       .lambda = result->lambda,
                                       .lr = result->lr,
                                       .grad_norm = result->grad_norm,
                                       .images_per_second = steps * (double)trainer->global_batch /
                                                            (clock_monotonic() - worker->window.begin),
                                       .seconds_data = worker->window.data / steps,
                                       .seconds_compute = worker->window.compute / steps,
                                       .seconds_exchange = worker->window.exchange / steps,
                                       .seconds_hidden = worker->window.hidden / steps,
                                       .bytes = worker->window.bytes_all / steps,
                                       .bytes_gradients = worker->window.bytes[TRAFFIC_GRADIENTS] / steps,
                                       .bytes_embeddings = worker->window.bytes[TRAFFIC_EMBEDDINGS] / steps,
                                       .bytes_reductions = worker->window.bytes[TRAFFIC_REDUCTIONS] / steps,
                                       .seconds_classifier = worker->window.classifier / steps}};
    begin_window(worker);
    return worker_send(worker, &message, error);
}

static enum status report_leases(struct worker *worker, struct error *error)
{
    const struct trainer *trainer = &worker->trainer;
    if (worker->step % trainer->steps_per_epoch != 0) {
        return STATUS_OK;
    }
    int64_t epoch = worker->step / trainer->steps_per_epoch - 1;
    int64_t used = trainer->steps_per_epoch * trainer->config->batch.lane;
    enum status status = STATUS_OK;
    for (int i = 0; i < trainer->own_lanes && status == STATUS_OK; i++) {
        int64_t leased = worker->epochs[epoch & 1].images[i];
        struct message message = {
            .kind = MESSAGE_LEASE_DONE,
            .lease_done = {
                .epoch = epoch, .lane = trainer->first_lane + i, .images = used, .dropped = leased - used}};
        status = worker_send(worker, &message, error);
    }
    return status;
}

/* Asked inside an evaluation: has any worker been told to stop? */
static bool evaluation_stop(void *context)
{
    struct worker *worker = context;
    struct exchange *exchange = worker->context->exchange;
    struct error error;
    bool failed = worker_receive(worker, &error) != STATUS_OK;
    double stop = *worker->context->stop_signal || (worker->requests & CONTROL_STOP) || failed;
    return exchange->operations->sum_double(exchange, &stop, 1, &error) != STATUS_OK || stop > 0;
}

static void evaluation_between(void *context)
{
    worker_progress(context, PHASE_EVALUATE);
}

static enum status evaluate(struct worker *worker, struct error *error)
{
    const struct config *config = worker->context->config;
    struct exchange *exchange = worker->context->exchange;
    struct iresnet_hooks hooks = {.between = evaluation_between, .context = worker};
    enum status status = STATUS_OK;
    worker->trainer.phase = PHASE_EVALUATE;
    worker_progress(worker, PHASE_EVALUATE);
    for (size_t i = 0; i < config->validation.count && status == STATUS_OK; i++) {
        const struct pairs *pairs = &worker->pairs[i];
        struct verification result;
        status = evaluation_run(worker->trainer.net, config->model.input, config->batch.lane, pairs, exchange,
                                &hooks, evaluation_stop, worker, &result, NULL, error);
        if (status == STATUS_OK && exchange->rank == 0) {
            struct message message = {.kind = MESSAGE_EVAL,
                                      .eval = {.step = worker->step,
                                               .pairs = (int64_t)result.pairs,
                                               .accuracy = result.accuracy,
                                               .accuracy_std = result.accuracy_std,
                                               .threshold = result.threshold,
                                               .auc = result.auc,
                                               .norm = result.norm}};
            snprintf(message.eval.set, sizeof message.eval.set, "%s", pairs->name);
            memcpy(message.eval.tar, result.tar, sizeof result.tar);
            status = worker_send(worker, &message, error);
        }
    }
    begin_window(worker);
    return status;
}

/* Evaluates, and when asked to stop inside of it goes on to stop: the checkpoint then says that the
 * evaluation is still to be done. */
static enum status evaluate_or_stop(struct worker *worker, struct error *error)
{
    enum status status = evaluate(worker, error);
    if (status == STATUS_STOPPED) {
        status = worker_finish_checkpoint(worker, worker->step, worker->skips, true, error);
        return status == STATUS_OK ? STATUS_STOPPED : status;
    }
    return status;
}

/* What is due after step `worker->step`: the same decisions on every worker. */
static enum status after_step(struct worker *worker, unsigned requests, struct error *error)
{
    const struct config *config = worker->context->config;
    int64_t step = worker->step;
    bool last = step == worker->trainer.steps;
    bool stop = ((requests & CONTROL_STOP) || config->debug.stop_after_step == step) && !last;
    int every = config->checkpoint.every_steps;
    int64_t lasting = config->checkpoint.keep.every_epochs * worker->trainer.steps_per_epoch;
    int eval_every = config->eval.every_steps;
    bool evaluation_due =
        !last && ((requests & CONTROL_EVALUATE) || (eval_every > 0 && step % eval_every == 0));
    enum status status = STATUS_OK;
    if (stop || last) {
        status = worker_finish_checkpoint(worker, step, worker->skips, evaluation_due, error);
    } else if ((requests & CONTROL_CHECKPOINT) || (every > 0 && step % every == 0) ||
               (lasting > 0 && step % lasting == 0)) {
        status = worker_begin_checkpoint(worker, step, worker->skips, evaluation_due, error);
    }
    if (status == STATUS_OK && stop) {
        return STATUS_STOPPED;
    }
    return status == STATUS_OK && evaluation_due ? evaluate_or_stop(worker, error) : status;
}

/* The trace of a step is for looking at: training goes on without. */
static enum status report_trace(struct worker *worker, const struct step_result *result, struct error *error)
{
    char line[ERROR_LINE_SIZE];
    struct message message = {.kind = MESSAGE_WARNING};
    if (result->trace.status == STATUS_OK) {
        return STATUS_OK;
    }
    snprintf(message.warning.what, sizeof message.warning.what,
             "step %lld is not traced by rank %d@%.64s: %.380s", (long long)worker->step,
             worker->context->exchange->rank + 1, worker->context->hello.host,
             error_format(&result->trace, line, sizeof line));
    return worker_send(worker, &message, error);
}

/* Some worker could not make a step, and so none has made it: what is complete is saved before all leave. `own`: what
 * befell this one. */
static enum status leave_step(struct worker *worker, enum status own, enum status failure,
                              struct error *error)
{
    struct error unsaved = {0};
    enum status saved = STATUS_OK;
    if (worker->step > worker->start.step ||
        (failure == STATUS_STOPPED && worker->start.checkpoint[0] == '\0')) {
        saved = worker_finish_checkpoint(worker, worker->step, worker->skips, false, &unsaved);
    }
    if (own != STATUS_OK && own != STATUS_STOPPED) {
        return own;
    }
    if (failure != STATUS_STOPPED || saved == STATUS_OK) {
        *error = (struct error){.status = failure};
        return failure;
    }
    *error = unsaved;
    return saved;
}

static enum status train_step(struct worker *worker, struct error *error)
{
    struct trainer *trainer = &worker->trainer;
    struct step_control control = {.requests = worker->requests};
    struct step_result result;
    if (*worker->context->stop_signal) {
        control.requests |= CONTROL_STOP;
    }
    worker->requests = 0;
    enum status status = trainer_step(trainer, worker->step + 1, &control, &result, error);
    if (control.agreed) {
        return leave_step(worker, status, control.failure, error);
    }
    if (status != STATUS_OK) {
        return status;
    }
    worker->step++;
    status = report_step(worker, &result, error);
    if (status == STATUS_OK) {
        status = report_trace(worker, &result, error);
    }
    if (status == STATUS_OK) {
        status = worker_count_skips(worker, &result, error);
    }
    if (status == STATUS_OK) {
        status = report_leases(worker, error);
    }
    if (status == STATUS_OK) {
        status = worker_discover_if_due(worker, error);
    }
    return status == STATUS_OK ? after_step(worker, control.requests, error) : status;
}

static enum status train(struct worker *worker, struct error *error)
{
    const struct config *config = worker->context->config;
    enum status status = worker->start.evaluate ? evaluate_or_stop(worker, error) : STATUS_OK;
    begin_window(worker);
    while (status == STATUS_OK && worker->step < worker->trainer.steps) {
        status = worker_wait(worker, has_leases, PHASE_DATA, error);
        if (status == STATUS_OK) {
            status = train_step(worker, error);
        }
    }
    if (status == STATUS_OK && config->eval.at_end) {
        status = evaluate(worker, error);
    }
    return status;
}

static enum status live(struct worker *worker, struct error *error)
{
    const struct worker_context *context = worker->context;
    struct trainer *trainer = &worker->trainer;
    enum status status = trainer_create(trainer, context->config, context->exchange, context->threads, error);
    trainer_observe(trainer, &(struct trainer_observer){.phase = worker_progress,
                                                        .wait_for_file = worker_wait_for_file,
                                                        .context = worker});
    context->exchange->idle = worker_idle;
    context->exchange->idle_context = worker;
    if (status == STATUS_OK) {
        status = open_validation(worker, error);
    }
    if (status == STATUS_OK) {
        status = say_hello(worker, error);
    }
    if (status == STATUS_OK) {
        status = worker_wait(worker, is_started, PHASE_START, error);
    }
    if (status == STATUS_OK) {
        status = save_create(trainer, worker->start.owner, &worker->save, error);
    }
    if (status == STATUS_OK) {
        status = load_weights(worker, error);
    }
    return status == STATUS_OK ? train(worker, error) : status;
}

static bool is_written_or_late(const struct worker *worker)
{
    return !save_is_writing(worker->save) || clock_monotonic() >= worker->pause_end;
}

/* What is being written counts, whatever came after it: but a disk that hangs keeps nobody for ever. */
static void finish_writing(struct worker *worker)
{
    worker->pause_end = clock_monotonic() + LAST_WRITE_SECONDS;
    if (worker->save && worker_wait(worker, is_written_or_late, PHASE_CHECKPOINT, NULL) == STATUS_OK) {
        save_report(worker->save, &worker->context->link, NULL);
    }
}

static void say_goodbye(struct worker *worker, enum status status, const struct error *error)
{
    worker_pass_notices(worker);
    if (status != STATUS_OK && status != STATUS_STOPPED && error->what[0] != '\0') {
        struct message fault = message_of_fault(error, worker->step);
        worker_send(worker, &fault, NULL);
    }
    struct message done = {.kind = MESSAGE_DONE,
                           .done = {.status = (uint32_t)status,
                                    .step = worker->step,
                                    .asked = *worker->context->stop_signal != 0}};
    worker_send(worker, &done, NULL);
}

enum status worker_run(const struct worker_context *context, struct error *error)
{
    struct worker worker = {.context = context};
    enum status status = live(&worker, error);
    error->status = status;
    finish_writing(&worker);
    say_goodbye(&worker, status, error);
    context->exchange->idle = NULL;
    save_free(worker.save);
    trainer_free(&worker.trainer);
    for (size_t i = 0; i < worker.pairs_open; i++) {
        pairs_close(&worker.pairs[i]);
    }
    free(worker.pairs);
    free(worker.epochs[0].images);
    free(worker.epochs[1].images);
    return status;
}
