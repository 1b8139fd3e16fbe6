#include "worker/worker_messages.h"

#include "proto/clock.h"

#include <stdlib.h>
#include <time.h>

/* Heartbeats are sent about this often, however often the code passes by. */
#define HEARTBEAT_SECONDS 1.0
/* Pause between two looks for a message while there is nothing else to do. */
#define POLL_NANOSECONDS 2000000
enum status worker_send(struct worker *worker, const struct message *message, struct error *error)
{
    return worker->context->link.send(worker->context->link.context, message, error);
}

static void send_heartbeat(struct worker *worker, enum message_phase phase, bool waiting)
{
    const struct worker_context *context = worker->context;
    if (context->progress) {
        context->progress(context->progress_context, worker->step + 1, phase, waiting);
    }
    double now = clock_monotonic();
    if (worker->save) {
        save_report(worker->save, &worker->context->link, NULL); /* as below */
    }
    if (now - worker->last_heartbeat < HEARTBEAT_SECONDS) {
        return;
    }
    worker->last_heartbeat = now;
    struct message message = {.kind = MESSAGE_HEARTBEAT,
                              .heartbeat = {.step = worker->step + 1, .phase = (uint32_t)phase}};
    worker_send(worker, &message, NULL); /* a lost link shows at the next message that matters */
}

void worker_progress(void *context, enum message_phase phase)
{
    send_heartbeat(context, phase, false);
}

void worker_idle(void *context)
{
    struct worker *worker = context;
    send_heartbeat(worker, worker->trainer.phase, true);
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
    epoch->images[own] = 0;
    for (uint32_t i = 0; i < leases->count; i++) {
        epoch->images[own] += leases->leases[i].count;
    }
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

/* Handles everything that has come in. */
enum status worker_receive(struct worker *worker, struct error *error)
{
    const struct worker_link *link = &worker->context->link;
    struct message message;
    enum status status = STATUS_OK;
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
    return status;
}

enum status worker_wait(struct worker *worker, bool (*done)(const struct worker *), enum message_phase phase,
                        struct error *error)
{
    enum status status = worker_receive(worker, error);
    while (status == STATUS_OK && !done(worker)) {
        worker_progress(worker, phase);
        nanosleep(&(struct timespec){.tv_nsec = POLL_NANOSECONDS}, NULL);
        status = worker_receive(worker, error);
    }
    return status;
}
