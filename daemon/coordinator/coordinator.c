#include "daemon/coordinator/coordinator.h"

#include "daemon/coordinator/coordinator_checkpoint.h"
#include "daemon/coordinator/coordinator_handle.h"
#include "daemon/coordinator/coordinator_liveness.h"
#include "daemon/coordinator/coordinator_progress.h"
#include "daemon/coordinator/coordinator_state.h"
#include "proto/clock.h"

#include <stdlib.h>
#include <time.h>

/* After a fault the other workers leave at the end of their step: so many times a step's time, and this. */
#define LEAVE_STEPS 3
#define LEAVE_SECONDS 10.0
/* Before the start the others wait for a word that will not come. */
#define LEAVE_SECONDS_UNSTARTED 2.0
/* The log is touched so often, for a supervisor to see. */
#define TOUCH_SECONDS 1.0
/* Heartbeats to each worker within liveness_seconds. */
#define HEARTBEATS 6
/* Messages handled between two looks at the clock. */
#define MESSAGES_AT_ONCE 256

static enum status coordinator_open(struct coordinator *coordinator,
                                    const struct coordinator_context *context, struct error *error)
{
    size_t workers = (size_t)context->link.workers;
    *coordinator =
        (struct coordinator){.context = context, .setup = context->setup, .journal = context->journal};
    coordinator->step = context->setup->start_step;
    coordinator->saved.step = context->setup->checkpoint[0] != '\0' ? context->setup->start_step : -1;
    coordinator->view = calloc(workers, sizeof *coordinator->view);
    coordinator->hello = calloc(workers, sizeof *coordinator->hello);
    coordinator->report.seconds = calloc(workers, sizeof *coordinator->report.seconds);
    coordinator->writing = calloc(workers, sizeof *coordinator->writing);
    if (!coordinator->view || !coordinator->hello || !coordinator->report.seconds || !coordinator->writing) {
        return error_no_memory(error, "coordinator");
    }
    for (size_t w = 0; w < workers; w++) {
        coordinator->view[w].heard = clock_monotonic();
    }
    enum status status =
        slowness_open((int)workers, context->setup->lanes, context->setup->config.log.slow_seconds,
                      &coordinator->slowness, error);
    status = status == STATUS_OK ? lease_assignment_open(context, &coordinator->leases, error) : status;
    return status == STATUS_OK
               ? checkpoint_writer_open(context->setup, context->lock, &coordinator->checkpoints, error)
               : status;
}

static void coordinator_close(struct coordinator *coordinator)
{
    lease_assignment_close(&coordinator->leases);
    checkpoint_writer_close(&coordinator->checkpoints);
    free(coordinator->view);
    free(coordinator->hello);
    free(coordinator->report.seconds);
    free(coordinator->bad.sample);
    free(coordinator->writing);
    slowness_close(&coordinator->slowness);
}

/* Handles what has come in. Failures of the protocol become faults of the worker concerned. */
static void drain(struct coordinator *coordinator)
{
    const struct coordinator_link *link = &coordinator->context->link;
    for (int i = 0; i < MESSAGES_AT_ONCE; i++) {
        struct message message;
        struct error error = {0};
        int worker;
        enum status status = link->receive(link->context, &worker, &message, &error);
        if (worker < 0 && status == STATUS_OK) {
            return;
        }
        if (status == STATUS_OK) {
            coordinator->view[worker].heard = clock_monotonic();
            status = coordinator_handle(coordinator, worker, &message, &error);
            message_free(&message);
        }
        if (status != STATUS_OK) {
            coordinator_fail(coordinator, worker, &error);
            return;
        }
    }
}

static bool all_done(const struct coordinator *coordinator)
{
    for (int w = 0; w < coordinator->context->link.workers; w++) {
        if (!coordinator->view[w].done) {
            return false;
        }
    }
    return true;
}

/* Passes a request to stop to every worker: some may be waiting where no step's word reaches them. */
static enum status forward_stop(struct coordinator *coordinator, struct error *error)
{
    struct message message = {.kind = MESSAGE_CONTROL, .control = {.requests = CONTROL_STOP}};
    if (coordinator->stop_told || !coordinator->stop_asked) {
        return STATUS_OK;
    }
    coordinator->stop_told = true;
    journal_line(coordinator->journal, "%s: finishing the step, then a checkpoint",
                 coordinator->bad.verdict.status == STATUS_OK ? "asked to stop"
                                                              : "too many images cannot be used");
    return coordinator_send_all(coordinator, &message, error);
}

/* And to the first worker the request for a checkpoint that has become due. */
static enum status forward_requests(struct coordinator *coordinator, struct error *error)
{
    const struct coordinator_context *context = coordinator->context;
    struct message message = {.kind = MESSAGE_CONTROL, .control = {.requests = CONTROL_CHECKPOINT}};
    coordinator->stop_asked = coordinator->stop_asked || *context->stop_signal;
    if (!coordinator->started || coordinator->view[0].done) {
        return STATUS_OK;
    }
    enum status status = forward_stop(coordinator, error);
    return status == STATUS_OK && coordinator_requests_checkpoint(coordinator)
               ? context->link.send(context->link.context, 0, &message, error)
               : status;
}

/* Over MPI too, for where datagrams do not come through. */
static void send_heartbeats(struct coordinator *coordinator, const struct message_heartbeat *sign)
{
    const struct coordinator_link *link = &coordinator->context->link;
    struct message message = {.kind = MESSAGE_HEARTBEAT, .heartbeat = *sign};
    for (int w = 0; w < link->workers; w++) {
        if (coordinator->view[w].introduced && !coordinator->view[w].done) {
            link->send(link->context, w, &message,
                       NULL); /* a lost link shows at the next message that matters */
        }
    }
}

static void send_heartbeat(struct coordinator *coordinator)
{
    double now = clock_monotonic();
    const struct message_heartbeat sign = {.step = coordinator->step, .phase = PHASE_START};
    watchdog_progress(coordinator->context->watchdog, &sign);
    if (now - coordinator->touched >= TOUCH_SECONDS) {
        coordinator->touched = now;
        journal_touch(coordinator->journal);
    }
    if (now - coordinator->beaten >= coordinator->setup->config.runtime.liveness_seconds / HEARTBEATS) {
        coordinator->beaten = now;
        send_heartbeats(coordinator, &sign);
    }
}

/* Runs until every worker is done (true), or until waiting on makes no sense (false). */
static bool serve(struct coordinator *coordinator)
{
    struct timespec pause = {.tv_nsec = coordinator->context->poll_milliseconds * 1000000L};
    while (!all_done(coordinator)) {
        struct error error = {0};
        int worker = -1;
        if (coordinator_lost_folder(coordinator)) {
            return false;
        }
        drain(coordinator);
        send_heartbeat(coordinator);
        if (all_done(coordinator)) {
            break;
        }
        if (forward_requests(coordinator, &error) != STATUS_OK) {
            coordinator_fail(coordinator, -1, &error);
            return false;
        }
        if (coordinator_check_liveness(coordinator, &worker, &error) != STATUS_OK ||
            coordinator_check_progress(coordinator, &worker, &error) != STATUS_OK ||
            coordinator_check_departed(coordinator, &worker, &error) != STATUS_OK) {
            worker = coordinator_given_up(coordinator, &error) ? -1 : worker;
            coordinator_fail(coordinator, worker, &error);
            return false;
        }
        coordinator_check_datagrams(coordinator);
        double patience = coordinator->started ? LEAVE_SECONDS + LEAVE_STEPS * coordinator->step_seconds
                                               : LEAVE_SECONDS_UNSTARTED;
        if (coordinator->failed && clock_monotonic() - coordinator->failed_since > patience) {
            return false;
        }
        nanosleep(&pause, NULL);
    }
    return true;
}

/* What the workers' last words add up to. */
static enum status conclude(struct coordinator *coordinator, struct error *error)
{
    enum status status = STATUS_OK;
    if (coordinator->failed) {
        *error = coordinator->fault;
        return error->status;
    }
    for (int w = 0; w < coordinator->context->link.workers; w++) {
        enum status done = coordinator->view[w].done_status;
        if (done == STATUS_STORAGE && coordinator->saved.failures > 0) {
            coordinator_unsaved(coordinator, error);
            coordinator_fail(coordinator, -1, error);
            return done;
        }
        if (done != STATUS_OK && done != STATUS_STOPPED) {
            char name[192];
            coordinator_name_worker(coordinator, w, name, sizeof name);
            return error_set(error, done, name, NULL, "a worker ended with a failure (%s) and no word of it",
                             status_name(done));
        }
        status = done == STATUS_STOPPED ? STATUS_STOPPED : status;
    }
    if (status == STATUS_STOPPED && coordinator->bad.verdict.status != STATUS_OK) {
        *error = coordinator->bad.verdict;
        coordinator_fail(coordinator, -1, error);
        status = error->status;
    }
    return status;
}

/* On whose request it ended: a rank's signal, as far as that is known, or the configuration's. */
static void name_request(const struct coordinator *coordinator, char *text, size_t size)
{
    const struct setup *setup = coordinator->setup;
    if (setup->config.debug.stop_after_step == coordinator->view[0].step) {
        snprintf(text, size, "debug.stop_after_step");
        return;
    }
    snprintf(text, size, "a signal to a rank");
    for (int w = setup->workers - 1; w >= 0; w--) {
        if (coordinator->view[w].sign.asked) {
            char name[192];
            coordinator_name_worker(coordinator, w, name, sizeof name);
            snprintf(text, size, "a signal to %s", name);
        }
    }
    if (*coordinator->context->stop_signal) {
        snprintf(text, size, "a signal to rank 0, the coordinator");
    }
}

enum status coordinator_run(const struct coordinator_context *context, bool *orderly, struct error *error)
{
    struct coordinator coordinator;
    struct error failure = {0};
    char reason[320] = "failed";
    enum status status = coordinator_open(&coordinator, context, &failure);
    *orderly = false;
    if (status == STATUS_OK) {
        *orderly = serve(&coordinator);
        status = conclude(&coordinator, &failure);
        if (!*orderly) {
            checkpoint_writer_abandon(&coordinator.checkpoints);
        }
    }
    if (status == STATUS_STOPPED) {
        char request[256];
        name_request(&coordinator, request, sizeof request);
        snprintf(reason, sizeof reason, "stopped on request: %s", request);
        journal_line(context->journal,
                     "stopped after step %lld by %s, with a checkpoint in place: submit again to go on",
                     (long long)coordinator.view[0].step, request);
    } else if (status == STATUS_OK) {
        snprintf(reason, sizeof reason, "done");
        journal_line(context->journal, "done: %lld steps", (long long)context->setup->steps);
    } else {
        char line[ERROR_LINE_SIZE];
        journal_note(context->journal, "failed: %s", error_format(&failure, line, sizeof line));
    }
    journal_stop(context->journal, reason, (int)status);
    *error = coordinator.given_up ? (struct error){.status = status} : failure;
    coordinator_close(&coordinator);
    return status;
}
