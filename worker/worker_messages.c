#include "worker/worker_messages.h"

#include "proto/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Heartbeats are sent about this often, however often the code passes by. */
#define HEARTBEAT_SECONDS 1.0
/* Pause between two looks for a message while there is nothing else to do. */
#define POLL_NANOSECONDS 2000000
/* Asked to stop, a worker waits so long for the images of the step under way. */
#define STOP_SECONDS 2.0

enum status worker_send(struct worker *worker, const struct message *message, struct error *error)
{
    return worker->context->link.send(worker->context->link.context, message, error);
}

/* What the thread that writes checkpoints is at. */
static void look_at_save(struct worker *worker)
{
    uint64_t written = 0;
    worker->sign.waiting = save_look(worker->save, worker->sign.file, sizeof worker->sign.file, &written)
                               ? WAITING_FILE
                               : WAITING_COORDINATOR;
    worker->sign.work += written != worker->written;
    worker->written = written;
}

void worker_pass_notices(struct worker *worker)
{
    struct loader_notice notice;
    while (worker->trainer.loader && loader_take_notice(worker->trainer.loader, &notice)) {
        struct message message = {.kind = MESSAGE_WARNING};
        if (notice.bad) {
            message.kind = MESSAGE_BAD_IMAGE;
            message.bad_image.sample = notice.sample;
            memcpy(message.bad_image.what, notice.text, sizeof message.bad_image.what);
        } else {
            snprintf(message.warning.what, sizeof message.warning.what, "rank %d@%.64s: %.400s",
                     worker->context->exchange->rank + 1, worker->context->hello.host, notice.text);
        }
        worker_send(worker, &message, NULL); /* as below */
    }
}

/* A checkpoint that does not come on while training does is told once. */
static void watch_save(struct worker *worker, double now)
{
    struct message message = {.kind = MESSAGE_WARNING};
    char file[192];
    uint64_t written = 0;
    bool writing = worker->save && save_look(worker->save, file, sizeof file, &written);
    if (!writing || written != worker->saved.written) {
        worker->saved.written = written;
        worker->saved.since = now;
        worker->saved.told = false;
        return;
    }
    double still = now - worker->saved.since;
    if (worker->saved.told || still < worker->context->config->runtime.liveness_seconds) {
        return;
    }
    worker->saved.told = true;
    snprintf(message.warning.what, sizeof message.warning.what,
             "rank %d@%.64s has been at %.190s for %.0f s, phase checkpoint: does the file system under it "
             "answer?",
             worker->context->exchange->rank + 1, worker->context->hello.host, file, still);
    worker_send(worker, &message, NULL); /* as below */
}

static void send_heartbeat(struct worker *worker, enum message_phase phase, enum message_waiting waiting,
                           const char *file)
{
    const struct worker_context *context = worker->context;
    struct message_heartbeat *sign = &worker->sign;
    double now = clock_monotonic();
    char before[sizeof sign->file];
    memcpy(before, sign->file, sizeof before);
    sign->step = worker->step + 1;
    sign->phase = (uint32_t)phase;
    sign->waiting = (uint32_t)waiting;
    sign->asked = *context->stop_signal != 0;
    sign->work += waiting == WAITING_NOT;
    snprintf(sign->file, sizeof sign->file, "%s", file);
    if (waiting == WAITING_COORDINATOR && phase == PHASE_CHECKPOINT && worker->save) {
        look_at_save(worker);
    }
    worker->file_since = strcmp(before, sign->file) == 0 ? worker->file_since : now;
    sign->file_seconds = sign->file[0] != '\0' ? now - worker->file_since : 0;
    if (context->progress) {
        context->progress(context->watch, sign);
    }
    if (worker->save) {
        save_report(worker->save, &worker->context->link, NULL); /* as below */
    }
    if (now - worker->last_heartbeat < HEARTBEAT_SECONDS) {
        return;
    }
    worker->last_heartbeat = now;
    struct message message = {.kind = MESSAGE_HEARTBEAT, .heartbeat = *sign};
    worker_send(worker, &message, NULL); /* a lost link shows at the next message that matters */
    worker_pass_notices(worker);
    watch_save(worker, now);
    if (worker->started && worker->fault.status == STATUS_OK) {
        worker->fault.status = worker_receive(worker, &worker->fault);
    }
}

void worker_progress(void *context, enum message_phase phase)
{
    send_heartbeat(context, phase, WAITING_NOT, "");
}

void worker_idle(void *context)
{
    struct worker *worker = context;
    send_heartbeat(worker, worker->trainer.phase, WAITING_WORKERS, "");
}

bool worker_wait_for_file(void *context, enum message_phase phase, const char *file, double seconds)
{
    struct worker *worker = context;
    send_heartbeat(worker, phase, WAITING_FILE, file);
    bool stop = *worker->context->stop_signal || (worker->requests & CONTROL_STOP);
    return !stop || seconds < STOP_SECONDS;
}

static enum status take_leases(struct worker *worker, const struct message_leases *leases,
                               struct error *error)
{
    struct trainer *trainer = &worker->trainer;
    struct worker_epoch *epoch = &worker->epochs[leases->epoch & 1];
    int own = leases->lane - trainer->first_lane;
    if (!worker->started || own < 0 || own >= trainer->own_lanes) {
        return error_set(error, STATUS_LOST, "worker", NULL, "leases of lane %d came unasked", leases->lane);
    }
    if (epoch->epoch != leases->epoch) {
        epoch->epoch = leases->epoch;
        epoch->lanes = 0;
    }
    epoch->images[own] = message_leases_images(leases);
    int64_t use = trainer->steps_per_epoch * trainer->config->batch.lane;
    int64_t done = worker->step - leases->epoch * trainer->steps_per_epoch;
    int64_t skip = done > 0 ? done * trainer->config->batch.lane : 0;
    epoch->lanes++;
    return loader_set_leases(trainer->loader, leases, skip, use, error);
}

static enum status take_start(struct worker *worker, const struct message_start *start, struct error *error)
{
    struct trainer *trainer = &worker->trainer;
    worker->start = *start;
    worker->step = start->step;
    worker->skips = start->skips;
    worker->started = true;
    trainer->owner = worker->start.owner;
    enum status status = trainer_start(trainer, start->lanes, start->steps, start->steps_per_epoch, error);
    for (int i = 0; i < 2 && status == STATUS_OK; i++) {
        worker->epochs[i].epoch = -1;
        worker->epochs[i].images = calloc((size_t)trainer->own_lanes, sizeof(int64_t));
        if (!worker->epochs[i].images) {
            status = error_no_memory(error, "worker");
        }
    }
    return status;
}

static void hear(const struct worker *worker, const struct message_heartbeat *sign)
{
    if (worker->context->heard) {
        worker->context->heard(worker->context->watch, sign);
    }
}

/* Handles everything that has come in. */
enum status worker_receive(struct worker *worker, struct error *error)
{
    const struct worker_link *link = &worker->context->link;
    struct message message;
    enum status status = worker->fault.status;
    if (status != STATUS_OK) {
        if (error) {
            *error = worker->fault;
        }
        return status;
    }
    while (status == STATUS_OK && link->receive(link->context, &message)) {
        switch (message.kind) {
        case MESSAGE_START:
            status = take_start(worker, &message.start, error);
            break;
        case MESSAGE_LEASES:
            status = take_leases(worker, &message.leases, error);
            break;
        case MESSAGE_CONTROL:
            worker->requests |= message.control.requests;
            break;
        case MESSAGE_HEARTBEAT:
            hear(worker, &message.heartbeat);
            break;
        case MESSAGE_COMMITTED:
            if (worker->save) {
                save_settle(worker->save, message.committed.step, (enum status)message.committed.status);
            }
            break;
        default:
            status = error_set(error, STATUS_LOST, "worker", NULL, "a message of kind %d came unasked",
                               (int)message.kind);
        }
        message_free(&message);
    }
    hear(worker, NULL);
    return status;
}

enum status worker_wait(struct worker *worker, bool (*done)(const struct worker *), enum message_phase phase,
                        struct error *error)
{
    enum status status = worker_receive(worker, error);
    while (status == STATUS_OK && !done(worker)) {
        send_heartbeat(worker, phase, WAITING_COORDINATOR, "");
        nanosleep(&(struct timespec){.tv_nsec = POLL_NANOSECONDS}, NULL);
        status = worker_receive(worker, error);
    }
    return status;
}
