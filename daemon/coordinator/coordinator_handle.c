#include "daemon/coordinator/coordinator_handle.h"

#include "daemon/coordinator/coordinator_checkpoint.h"
#include "daemon/coordinator/coordinator_handshake.h"
#include "proto/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum status take_hello(struct coordinator *coordinator, int worker, const struct message_hello *hello,
                              struct error *error)
{
    struct worker_view *view = &coordinator->view[worker];
    if (view->introduced) {
        return error_set(error, STATUS_LOST, NULL, NULL, "a worker said hello twice");
    }
    coordinator->hello[worker] = *hello;
    view->introduced = true;
    for (int w = 0; w < coordinator->setup->workers; w++) {
        if (!coordinator->view[w].introduced) {
            return STATUS_OK;
        }
    }
    struct error own = {0};
    if (coordinator_handshake(coordinator, &own) != STATUS_OK) {
        coordinator_fail(coordinator, -1, &own);
    }
    return STATUS_OK;
}

/* Writes the record of the step whose reports have been gathered. */
static void write_report(struct coordinator *coordinator)
{
    const struct message_step *step = &coordinator->report.figures;
    const struct setup *setup = coordinator->setup;
    double global_batch = (double)setup->lanes * setup->config.batch.lane;
    double rate = step->images_per_second;
    double eta = rate > 0 ? (double)(setup->steps - step->step) * global_batch / rate : 0;
    char left[32];
    int64_t steps = step->step - coordinator->step;
    bool whole = coordinator->report.heard == setup->workers;
    coordinator->step = step->step;
    coordinator->step_seconds = rate > 0 ? global_batch / rate : coordinator->step_seconds;
    coordinator->report.heard = 0;
    journal_step(coordinator->journal, step, setup->steps, eta, coordinator->report.seconds, setup->workers);
    text_duration(eta, left, sizeof left);
    journal_line(
        coordinator->journal,
        "step %lld/%lld epoch %lld  loss %.4f (cls %.4f, dom %.4f)  accuracy %.3f  domain %.3f  lr %.4g  "
        "lambda %.3g  %.1f images/s  eta %s",
        (long long)step->step, (long long)setup->steps, (long long)step->epoch + 1, step->loss,
        step->loss_cls, step->loss_dom, step->accuracy, step->domain_accuracy, step->lr, step->lambda, rate,
        left);
    if (whole) {
        slowness_take_steps(&coordinator->slowness, coordinator->report.seconds, steps);
        coordinator_tell_slow(coordinator);
    }
}

/* A step is written when every worker has reported it; one that some never report, when the next comes. */
static void take_step(struct coordinator *coordinator, int worker, const struct message_step *step)
{
    int workers = coordinator->setup->workers;
    struct step_seconds *seconds = coordinator->report.seconds;
    coordinator->view[worker].step = step->step;
    coordinator->view[worker].stepped = true;
    if (coordinator->report.heard > 0 && step->step > coordinator->report.figures.step) {
        write_report(coordinator);
    }
    if (step->step <= coordinator->step) {
        return; /* too late: its step is written */
    }
    if (coordinator->report.heard == 0) {
        memset(seconds, 0, (size_t)workers * sizeof *seconds);
    }
    if (coordinator->report.heard == 0 || worker == 0) {
        coordinator->report.figures = *step;
    }
    if (!seconds[worker].heard) {
        seconds[worker] = (struct step_seconds){.heard = true,
                                                .data = step->seconds_data,
                                                .compute = step->seconds_compute,
                                                .exchange = step->seconds_exchange,
                                                .hidden = step->seconds_hidden,
                                                .classifier = step->seconds_classifier,
                                                .bytes = step->bytes,
                                                .bytes_gradients = step->bytes_gradients,
                                                .bytes_embeddings = step->bytes_embeddings,
                                                .bytes_reductions = step->bytes_reductions};
        coordinator->report.heard++;
    }
    if (coordinator->report.heard == workers) {
        write_report(coordinator);
    }
}

static void take_eval(struct coordinator *coordinator, const struct message_eval *eval)
{
    journal_eval(coordinator->journal, eval);
    journal_line(coordinator->journal,
                 "step %lld: %s: accuracy %.2f +- %.2f%% over %lld pairs, threshold %.2f, AUC %.4f",
                 (long long)eval->step, eval->set, 100 * eval->accuracy, 100 * eval->accuracy_std,
                 (long long)eval->pairs, eval->threshold, eval->auc);
}

static void take_groups(struct coordinator *coordinator, const struct message_groups *groups)
{
    const int64_t epoch = (groups->step - 1) / coordinator->setup->steps_per_epoch + 1;
    journal_groups(coordinator->journal, groups, epoch);
    if (!groups->known) {
        journal_line(coordinator->journal,
                     "step %lld: identity groups: it cannot be told who is one person, so they stay: %llu "
                     "pairs, %.2f s",
                     (long long)groups->step, (unsigned long long)groups->pairs, groups->seconds);
    } else if (groups->pairs == 0) {
        journal_line(coordinator->journal, "step %lld: identity groups: no pairs, %.2f s",
                     (long long)groups->step, groups->seconds);
    } else {
        journal_line(
            coordinator->journal,
            "step %lld: identity groups: %llu pairs in %llu groups, %.0f%% expected to be right, of about "
            "%.0f that there are; %llu are new, %llu no more, %.2f s",
            (long long)groups->step, (unsigned long long)groups->pairs, (unsigned long long)groups->groups,
            100 * groups->precision, groups->shared, (unsigned long long)groups->joined,
            (unsigned long long)groups->parted, groups->seconds);
    }
}

static void take_fault(struct coordinator *coordinator, int worker, const struct message_fault *fault)
{
    struct error told = message_fault_error(fault);
    if (told.status == STATUS_OK) {
        told.status = STATUS_INTERNAL;
    }
    coordinator_fail(coordinator, worker, &told);
}

static enum status take_lease_done(struct coordinator *coordinator, int worker,
                                   const struct message_lease_done *done, struct error *error)
{
    if (!coordinator->started) {
        return error_set(error, STATUS_LOST, NULL, NULL, "an end of leases came before the start");
    }
    return lease_assignment_renew(&coordinator->leases, worker, done, error);
}

/* Each is named once, whoever meets it; one more than may be left out ends the run. */
static enum status take_bad_image(struct coordinator *coordinator, const struct message_bad_image *image,
                                  struct error *error)
{
    int most = coordinator->setup->config.data.bad_images;
    for (int i = 0; i < coordinator->bad.count; i++) {
        if (coordinator->bad.sample[i] == image->sample) {
            return STATUS_OK;
        }
    }
    size_t count = (size_t)coordinator->bad.count + 1;
    uint64_t *grown = realloc(coordinator->bad.sample, count * sizeof *grown);
    if (!grown) {
        return error_no_memory(error, "coordinator");
    }
    coordinator->bad.sample = grown;
    coordinator->bad.sample[coordinator->bad.count++] = image->sample;
    char text[640];
    snprintf(text, sizeof text, "an image is left out, %d of at most %d: %s", coordinator->bad.count, most,
             image->what);
    journal_warn(coordinator->journal, text);
    if (coordinator->bad.count > most && coordinator->bad.verdict.status == STATUS_OK) {
        coordinator->stop_asked = true;
        error_set(&coordinator->bad.verdict, STATUS_DATA, NULL,
                  "restore what the warnings name, or pack it again; the run goes on from its last step",
                  "more images than data.bad_images (%d) cannot be used, at last: %.300s", most, image->what);
    }
    return STATUS_OK;
}

enum status coordinator_handle(struct coordinator *coordinator, int worker, const struct message *message,
                               struct error *error)
{
    struct worker_view *view = &coordinator->view[worker];
    switch (message->kind) {
    case MESSAGE_HELLO:
        return take_hello(coordinator, worker, &message->hello, error);
    case MESSAGE_HEARTBEAT:
        watchdog_hear(coordinator->context->watchdog, worker, &message->heartbeat);
        view->step = message->heartbeat.step;
        view->sign = message->heartbeat;
        /* Past the first step: what takes long at the start is behind it. */
        view->stepped = view->stepped || view->step > coordinator->setup->start_step + 1;
        return STATUS_OK;
    case MESSAGE_STEP:
        take_step(coordinator, worker, &message->step);
        return STATUS_OK;
    case MESSAGE_LEASE_DONE:
        return take_lease_done(coordinator, worker, &message->lease_done, error);
    case MESSAGE_EVAL:
        take_eval(coordinator, &message->eval);
        return STATUS_OK;
    case MESSAGE_GROUPS:
        take_groups(coordinator, &message->groups);
        return STATUS_OK;
    case MESSAGE_PART:
        coordinator->writing[worker].bytes += (double)message->part.bytes;
        return checkpoint_writer_part(&coordinator->checkpoints, &message->part, error);
    case MESSAGE_SAVED:
        return coordinator_take_saved(coordinator, worker, &message->saved, error);
    case MESSAGE_FAULT:
        take_fault(coordinator, worker, &message->fault);
        return STATUS_OK;
    case MESSAGE_WARNING:
        journal_warn(coordinator->journal, message->warning.what);
        return STATUS_OK;
    case MESSAGE_BAD_IMAGE:
        return take_bad_image(coordinator, &message->bad_image, error);
    case MESSAGE_DONE:
        view->done = true;
        view->done_status = (enum status)message->done.status;
        view->step = message->done.step;
        view->sign.asked = view->sign.asked || message->done.asked;
        return STATUS_OK;
    default:
        return error_set(error, STATUS_LOST, NULL, NULL, "a message of kind %d came unasked",
                         (int)message->kind);
    }
}
