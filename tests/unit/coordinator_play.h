/* Workers that are played, for tests of the coordinator: a link whose other end trains in lockstep, writes
 * checkpoints of a few bytes, and does wrong what the test asks for. */
#ifndef DAIL_TESTS_UNIT_COORDINATOR_PLAY_H
#define DAIL_TESTS_UNIT_COORDINATOR_PLAY_H

#include "proto/message.h"
#include "worker/checkpoint/checkpoint.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define WORKERS 2
#define LANES 2
#define LANE_BATCH 16
#define QUEUE 512
#define EPOCHS_MAX 8
#define ALWAYS -1

/* The workers, in lockstep: one step whenever the coordinator has nothing left to hear. */
struct play {
    const char *run_dir;
    struct message queue[WORKERS][QUEUE];
    size_t head[WORKERS], tail[WORKERS];
    struct message_start start[WORKERS];
    int64_t leased[EPOCHS_MAX][LANES]; /* images */
    unsigned requests;
    int64_t step, checkpoint_every;
    bool hello_sent, waiting[WORKERS], done;
    enum status committed_status[WORKERS];
    int commits[WORKERS];
    /* What goes wrong: */
    int64_t silent_from; /* worker 2 sends nothing after this step */
    int64_t slow_at; /* worker 2 writes on this step's checkpoint until the coordinator has warned */
    bool slow; /* it does now */
    int64_t storage_fault_at; /* worker 2 cannot write its part of this step's checkpoint */
    int64_t fault_at; /* worker 2 fails for good in this step */
    const char *version; /* worker 2's */
    int64_t late_at; /* worker 1's reports of this step and the next come a step after worker 2's */
    int64_t stop_at; /* sets *stop after this step */
    volatile sig_atomic_t stop;
};

static void push(struct play *play, int worker, struct message message)
{
    assert_true(play->tail[worker] - play->head[worker] < QUEUE);
    if (play->silent_from > 0 && play->step > play->silent_from && worker == 1) {
        return;
    }
    play->queue[worker][play->tail[worker]++ % QUEUE] = message;
}

static void say_hello(struct play *play)
{
    for (int w = 0; w < WORKERS; w++) {
        struct message message = {.kind = MESSAGE_HELLO,
                                  .hello = {.pid = 100 + w,
                                            .threads = 1,
                                            .cores_allowed = 1,
                                            .memory_needed = 1000,
                                            .memory_available = 1000000,
                                            .seconds_per_image = 0.001}};
        snprintf(message.hello.version, sizeof message.hello.version, "%s",
                 w == 1 && play->version ? play->version : DAIL_VERSION);
        snprintf(message.hello.host, sizeof message.hello.host, "node%d", w + 1);
        snprintf(message.hello.cores, sizeof message.hello.cores, "%d", w);
        snprintf(message.hello.isa, sizeof message.hello.isa, "generic");
        snprintf(message.hello.interfaces, sizeof message.hello.interfaces, "eth0 10.0.0.%d", w + 1);
        push(play, w, message);
    }
    play->hello_sent = true;
}

/* One file of a checkpoint, with a few bytes in it. */
static void write_part(struct play *play, int worker, const char *file)
{
    char directory[512], path[800];
    struct message message = {.kind = MESSAGE_PART,
                              .part = {.step = play->step, .bytes = 4, .crc = 0xd87f7e0c}};
    checkpoint_path(play->run_dir, play->step, "", directory, sizeof directory);
    snprintf(path, sizeof path, "%s/%s", directory, file);
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    assert_int_equal(fwrite("test", 1, 4, out), 4); /* its crc32 is d87f7e0c */
    fclose(out);
    snprintf(message.part.file, sizeof message.part.file, "%s", file);
    push(play, worker, message);
}

/* Worker 2's part in it. */
static void finish_checkpoint(struct play *play)
{
    struct message saved = {.kind = MESSAGE_SAVED,
                            .saved = {.step = play->step, .seconds = 0.5, .stall = 0.125, .skips = 2}};
    if (play->step == play->storage_fault_at || play->storage_fault_at == ALWAYS) {
        saved.saved.status = STATUS_STORAGE;
        snprintf(saved.saved.what, sizeof saved.saved.what, "no space left");
        snprintf(saved.saved.where, sizeof saved.saved.where, "classifier-alpha.2-of-2.h5");
    } else {
        write_part(play, 1, "classifier-alpha.2-of-2.h5");
    }
    push(play, 1, saved);
}

static void write_checkpoint(struct play *play)
{
    struct error error;
    assert_int_equal(checkpoint_begin(play->run_dir, "", play->step, &error), STATUS_OK);
    play->waiting[0] = play->waiting[1] = true;
    write_part(play, 0, "model.h5");
    write_part(play, 0, "classifier-alpha.1-of-2.h5");
    write_part(play, 0, "classifier-beta.1-of-1.h5");
    struct message saved = {.kind = MESSAGE_SAVED,
                            .saved = {.step = play->step, .seconds = 0.5, .stall = 0.25, .skips = 2}};
    push(play, 0, saved);
    if (play->step == play->slow_at) {
        for (int w = 0; w < WORKERS; w++) {
            push(play, w,
                 (struct message){.kind = MESSAGE_HEARTBEAT,
                                  .heartbeat = {.step = play->step,
                                                .phase = PHASE_CHECKPOINT,
                                                .waiting = w == 1 ? WAITING_FILE : WAITING_COORDINATOR,
                                                .file = "part.h5"}});
        }
        play->slow = true;
        return;
    }
    finish_checkpoint(play);
}

static void leave(struct play *play, enum status status)
{
    for (int w = 0; w < WORKERS; w++) {
        push(
            play, w,
            (struct message){.kind = MESSAGE_DONE, .done = {.status = (uint32_t)status, .step = play->step}});
    }
    play->done = true;
}

static void report_step(struct play *play, int worker, int64_t step)
{
    struct message message = {.kind = MESSAGE_STEP,
                              .step = {.step = step,
                                       .epoch = (step - 1) / play->start[0].steps_per_epoch,
                                       .loss = 100.0 / (double)step,
                                       .images_per_second = 320,
                                       .seconds_compute = 1 + worker}};
    push(play, worker, message);
}

static void report_steps(struct play *play)
{
    bool late = play->late_at > 0 && play->step >= play->late_at && play->step < play->late_at + 2;
    if (play->late_at > 0 && play->step == play->late_at + 2) {
        report_step(play, 0, play->late_at);
        report_step(play, 0, play->late_at + 1);
    }
    if (!late) {
        report_step(play, 0, play->step);
    }
    report_step(play, 1, play->step);
}

static void train(struct play *play)
{
    const struct message_start *start = &play->start[0];
    int64_t epoch = play->step / start->steps_per_epoch;
    if (play->leased[epoch % EPOCHS_MAX][0] == 0 || play->leased[epoch % EPOCHS_MAX][1] == 0) {
        return;
    }
    play->step++;
    if (play->step == play->fault_at) {
        struct message fault = {.kind = MESSAGE_FAULT,
                                .fault = {.status = STATUS_DATA, .step = play->step - 1}};
        snprintf(fault.fault.what, sizeof fault.fault.what, "an image is corrupt");
        push(play, 1, fault);
        leave(play, STATUS_DATA);
        return;
    }
    report_steps(play);
    for (int w = 0; w < WORKERS; w++) {
        if (play->step % start->steps_per_epoch == 0) {
            push(play, w, (struct message){.kind = MESSAGE_LEASE_DONE, .lease_done = {epoch, w, 300, 7}});
        }
    }
    if (play->stop_at == play->step) {
        play->stop = 1;
    }
    if (play->step == start->steps || (play->requests & CONTROL_STOP) ||
        (play->checkpoint_every > 0 && play->step % play->checkpoint_every == 0)) {
        write_checkpoint(play);
    }
}

static bool has_warned(const struct play *play)
{
    char path[256], line[16384];
    bool found = false;
    snprintf(path, sizeof path, "%s/status.jsonl", play->run_dir);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    while (!found && fgets(line, sizeof line, file)) {
        found = strstr(line, "\"warning\"");
    }
    fclose(file);
    return found;
}

static void advance(struct play *play)
{
    if (!play->hello_sent) {
        say_hello(play);
    } else if (play->slow) {
        if (has_warned(play)) {
            play->slow = false;
            finish_checkpoint(play);
        }
    } else if (play->done || play->start[0].steps == 0 || play->start[1].steps == 0 || play->waiting[0] ||
               play->waiting[1]) {
        return;
    } else if (play->step == play->start[0].steps) {
        assert_int_equal(play->committed_status[1], play->committed_status[0]);
        leave(play, play->committed_status[0]);
    } else if ((play->requests & CONTROL_STOP) && play->commits[0] > 0) {
        leave(play, play->committed_status[0] == STATUS_OK ? STATUS_STOPPED : play->committed_status[0]);
    } else {
        train(play);
    }
}

static enum status play_send(void *context, int worker, const struct message *message, struct error *error)
{
    struct play *play = context;
    (void)error;
    switch (message->kind) {
    case MESSAGE_START:
        play->start[worker] = message->start;
        play->step = message->start.step;
        break;
    case MESSAGE_LEASES:
        assert_int_equal(message->leases.lane, worker); /* as many lanes as workers */
        assert_true(play->start[worker].steps > 0); /* the start comes first */
        assert_int_equal(play->leased[message->leases.epoch % EPOCHS_MAX][worker], 0);
        play->leased[message->leases.epoch % EPOCHS_MAX][worker] = message_leases_images(&message->leases);
        break;
    case MESSAGE_CONTROL:
        play->requests |= message->control.requests;
        break;
    case MESSAGE_COMMITTED:
        assert_true(message->committed.step == play->step || !play->waiting[worker]);
        play->waiting[worker] = false;
        play->committed_status[worker] = (enum status)message->committed.status;
        play->commits[worker]++;
        break;
    case MESSAGE_HEARTBEAT:
        break;
    default:
        fail_msg("kind %d is not for workers", message->kind);
    }
    return STATUS_OK;
}

static enum status play_receive(void *context, int *worker, struct message *message, struct error *error)
{
    struct play *play = context;
    (void)error;
    for (int pass = 0; pass < 2; pass++) {
        for (int w = 0; w < WORKERS; w++) {
            if (play->head[w] < play->tail[w]) {
                *worker = w;
                *message = play->queue[w][play->head[w]++ % QUEUE];
                return STATUS_OK;
            }
        }
        if (pass == 0) {
            advance(play);
            break; /* what it brought is heard at the next poll */
        }
    }
    *worker = -1;
    return STATUS_OK;
}

#endif
