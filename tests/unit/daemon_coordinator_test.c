/* daemon/coordinator.h against workers that are played: whole runs, stops, lost and failing workers. */
#include "daemon/coordinator.h"
#include "daemon/resume.h"

#include "worker/checkpoint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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
    unsigned wishes;
    int64_t step, checkpoint_every;
    bool hello_sent, waiting[WORKERS], done;
    enum status committed_status[WORKERS];
    int commits[WORKERS];
    /* What goes wrong: */
    int64_t silent_from; /* worker 2 sends nothing after this step */
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
    checkpoint_path(play->run_dir, play->step, 1, directory, sizeof directory);
    snprintf(path, sizeof path, "%s/%s", directory, file);
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    assert_int_equal(fwrite("test", 1, 4, out), 4); /* its crc32 is d87f7e0c */
    fclose(out);
    snprintf(message.part.file, sizeof message.part.file, "%s", file);
    push(play, worker, message);
}

static void write_checkpoint(struct play *play)
{
    struct error error;
    assert_int_equal(checkpoint_begin(play->run_dir, play->step, &error), STATUS_OK);
    play->waiting[0] = play->waiting[1] = true;
    write_part(play, 0, "model.h5");
    write_part(play, 0, "classifier-alpha.1-of-2.h5");
    write_part(play, 0, "classifier-beta.1-of-1.h5");
    struct message saved = {.kind = MESSAGE_SAVED,
                            .saved = {.step = play->step, .seconds = 0.5, .stall = 0.25, .skips = 2}};
    push(play, 0, saved);
    saved.saved.stall = 0.125;
    if (play->step == play->storage_fault_at || play->storage_fault_at == ALWAYS) {
        saved.saved.status = STATUS_STORAGE;
        snprintf(saved.saved.what, sizeof saved.saved.what, "no space left");
        snprintf(saved.saved.where, sizeof saved.saved.where, "classifier-alpha.2-of-2.h5");
    } else {
        write_part(play, 1, "classifier-alpha.2-of-2.h5");
    }
    push(play, 1, saved);
}

static void leave(struct play *play, enum status status)
{
    for (int w = 0; w < WORKERS; w++) {
        push(play, w, (struct message){.kind = MESSAGE_DONE, .done = {(uint32_t)status, play->step}});
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
    if (play->step == start->steps || (play->wishes & CONTROL_STOP) ||
        (play->checkpoint_every > 0 && play->step % play->checkpoint_every == 0)) {
        write_checkpoint(play);
    }
}

static void advance(struct play *play)
{
    if (!play->hello_sent) {
        say_hello(play);
    } else if (play->done || play->start[0].steps == 0 || play->start[1].steps == 0 || play->waiting[0] ||
               play->waiting[1]) {
        return;
    } else if (play->step == play->start[0].steps) {
        assert_int_equal(play->committed_status[1], play->committed_status[0]);
        leave(play, play->committed_status[0]);
    } else if ((play->wishes & CONTROL_STOP) && play->commits[0] > 0) {
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
        for (uint32_t i = 0; i < message->leases.count; i++) {
            play->leased[message->leases.epoch % EPOCHS_MAX][worker] += message->leases.leases[i].count;
        }
        break;
    case MESSAGE_CONTROL:
        assert_int_equal(worker, 0);
        play->wishes |= message->control.wishes;
        break;
    case MESSAGE_COMMITTED:
        assert_true(message->committed.step == play->step || !play->waiting[worker]);
        play->waiting[worker] = false;
        play->committed_status[worker] = (enum status)message->committed.status;
        play->commits[worker]++;
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

static struct manifest_shard alpha_shards[] = {{.file = "a0", .images = 300}, {.file = "a1", .images = 213}};
static struct manifest_shard beta_shards[] = {{.file = "b0", .images = 101}};

struct fixture {
    struct watchdog *watchdog; /* NULL but in one test */
    char run_dir[200];
    struct setup setup;
    struct manifest manifests[2];
    uint32_t classes[2];
    char arch[16], name[8], resume[8];
    struct journal journal;
    struct play *play;
};

static int begin(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    const char *base = getenv("TMPDIR");
    struct error error;
    snprintf(fixture->run_dir, sizeof fixture->run_dir, "%s/dail-coordinator-XXXXXX", base ? base : "/tmp");
    assert_non_null(mkdtemp(fixture->run_dir));
    snprintf(fixture->arch, sizeof fixture->arch, "iresnet10");
    snprintf(fixture->name, sizeof fixture->name, "test");
    snprintf(fixture->resume, sizeof fixture->resume, "auto");
    fixture->manifests[0] = (struct manifest){.name = "alpha",
                                              .dataset_id = 4,
                                              .classes = 10,
                                              .images = 513,
                                              .shards = alpha_shards,
                                              .shard_count = 2};
    fixture->manifests[1] = (struct manifest){.name = "beta",
                                              .dataset_id = 9,
                                              .classes = 3,
                                              .images = 101,
                                              .shards = beta_shards,
                                              .shard_count = 1};
    fixture->classes[0] = 10;
    fixture->classes[1] = 3;
    struct setup *setup = &fixture->setup;
    *setup = (struct setup){.workers = WORKERS,
                            .manifests = fixture->manifests,
                            .datasets = 2,
                            .classes = fixture->classes,
                            .images = 614,
                            .digest = "0123456789abcdef",
                            .backbone_parameters = 1000};
    setup->config.run.dir = fixture->run_dir;
    setup->config.run.name = fixture->name;
    setup->config.model.arch = fixture->arch;
    setup->config.model.input = 32;
    setup->config.model.embedding = 64;
    setup->config.model.width = 1;
    setup->config.checkpoint.resume = fixture->resume;
    setup->config.checkpoint.keep.last = 2;
    setup->config.classifier.rows_min = 5;
    setup->config.batch.lane = LANE_BATCH;
    setup->config.schedule.epochs = 2.5;
    setup->config.runtime.liveness_seconds = 60;
    assert_int_equal(setup_count_steps(setup, 0, &error), STATUS_OK);
    assert_int_equal(setup->lanes, LANES);
    assert_int_equal(setup->steps_per_epoch, 19); /* 614 / 32 */
    assert_int_equal(setup->steps, 48); /* 47.5, rounded */
    fixture->play = calloc(1, sizeof *fixture->play);
    fixture->play->run_dir = fixture->run_dir;
    assert_int_equal(journal_open(fixture->run_dir, &fixture->journal, &error), STATUS_OK);
    fixture->journal.quiet = true;
    *state = fixture;
    return 0;
}

static int end(void **state)
{
    struct fixture *fixture = *state;
    char command[300];
    journal_close(&fixture->journal);
    snprintf(command, sizeof command, "rm -rf '%s'", fixture->run_dir);
    assert_int_equal(system(command), 0);
    free(fixture->play);
    free(fixture);
    return 0;
}

static enum status run(struct fixture *fixture, bool *orderly, struct error *error)
{
    struct coordinator_context context = {
        .setup = &fixture->setup,
        .link = {.context = fixture->play, .workers = WORKERS, .send = play_send, .receive = play_receive},
        .journal = &fixture->journal,
        .stop_signal = &fixture->play->stop,
        .watchdog = fixture->watchdog,
        .poll_milliseconds = 1};
    return coordinator_run(&context, orderly, error);
}

/* Records of a kind in the status log; the last of them in *last (borrowed until the next call), which may be
 * NULL. */
static int count_records(const struct fixture *fixture, const char *kind, json_t **last)
{
    char path[256], line[16384];
    int count = 0;
    snprintf(path, sizeof path, "%s/status.jsonl", fixture->run_dir);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file)) {
        json_t *record = json_loads(line, 0, NULL);
        assert_non_null(record);
        if (strcmp(json_string_value(json_object_get(record, "kind")), kind) == 0) {
            count++;
            if (last) {
                json_decref(*last);
                *last = json_incref(record);
            }
        }
        json_decref(record);
    }
    fclose(file);
    return count;
}

static bool exists(const struct fixture *fixture, int64_t step, int temporary)
{
    char path[512];
    struct stat there;
    checkpoint_path(fixture->run_dir, step, temporary, path, sizeof path);
    return stat(path, &there) == 0;
}

static void runs_to_the_end(void **state)
{
    struct fixture *fixture = *state;
    struct error error;
    bool orderly;
    json_t *record = NULL;
    fixture->play->checkpoint_every = 10;
    assert_int_equal(run(fixture, &orderly, &error), STATUS_OK);
    assert_true(orderly);
    for (int epoch = 0; epoch < 3; epoch++) {
        assert_int_equal(fixture->play->leased[epoch][0] + fixture->play->leased[epoch][1], 614);
    }
    assert_int_equal(fixture->play->leased[3][0], 0); /* the training ends within the third epoch */
    assert_int_equal(count_records(fixture, "start", NULL), 1);
    assert_int_equal(count_records(fixture, "plan", NULL), 3);
    assert_int_equal(count_records(fixture, "fault", NULL), 0);
    assert_int_equal(count_records(fixture, "step", &record), 48);
    json_t *seconds = json_object_get(record, "seconds");
    assert_true(json_number_value(json_object_get(seconds, "compute")) == 1.5); /* of 1 and 2 */
    assert_true(json_number_value(json_object_get(record, "eta_seconds")) == 0);
    assert_int_equal(count_records(fixture, "checkpoint", &record), 5); /* 10, 20, 30, 40, 48 */
    assert_true(json_integer_value(json_object_get(record, "bytes")) > 16);
    assert_int_equal(count_records(fixture, "stop", &record), 1);
    assert_int_equal(json_integer_value(json_object_get(record, "exit_code")), 0);
    json_decref(record);
    assert_true(exists(fixture, 48, 0) && exists(fixture, 40, 0));
    assert_false(exists(fixture, 30, 0)); /* keep: 2 */
}

static void writes_each_step_once_though_reports_come_late(void **state)
{
    struct fixture *fixture = *state;
    struct error error;
    bool orderly;
    char path[512], line[4096];
    int64_t last = 0;
    fixture->play->late_at = 5;
    assert_int_equal(run(fixture, &orderly, &error), STATUS_OK);
    snprintf(path, sizeof path, "%s/status.jsonl", fixture->run_dir);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file)) {
        json_t *record = json_loads(line, 0, NULL);
        if (strcmp(json_string_value(json_object_get(record, "kind")), "step") == 0) {
            assert_int_equal(json_integer_value(json_object_get(record, "step")), ++last);
        }
        json_decref(record);
    }
    fclose(file);
    assert_int_equal(last, 48);
}

static void stops_on_request_and_goes_on(void **state)
{
    struct fixture *fixture = *state;
    struct error error;
    bool orderly;
    json_t *record = NULL;
    fixture->play->stop_at = 7;
    assert_int_equal(run(fixture, &orderly, &error), STATUS_STOPPED);
    assert_true(orderly);
    assert_int_equal(count_records(fixture, "stop", &record), 1);
    assert_int_equal(json_integer_value(json_object_get(record, "exit_code")), 75);
    int64_t stopped = fixture->play->step;
    assert_in_range(stopped, 7, 12);
    assert_true(exists(fixture, stopped, 0));

    struct checkpoint_state found = {0};
    assert_int_equal(resume_decide(&fixture->setup, &found, &error), STATUS_OK);
    assert_int_equal(fixture->setup.start_step, stopped);
    assert_int_equal(found.lanes, LANES);
    assert_int_equal(found.dataset_count, 2);
    assert_int_equal(found.datasets[0].parts, 2);
    assert_int_equal(found.skips, 2);
    checkpoint_state_free(&found);
    const char *run_dir = fixture->play->run_dir;
    *fixture->play = (struct play){.run_dir = run_dir};
    assert_int_equal(run(fixture, &orderly, &error), STATUS_OK);
    assert_int_equal(fixture->play->start[1].step, stopped);
    assert_int_equal(fixture->play->start[1].skips, 2);
    assert_non_null(strstr(fixture->play->start[1].checkpoint, "checkpoints/step-0000000"));
    assert_int_equal(count_records(fixture, "start", &record), 2);
    assert_int_equal(json_integer_value(json_object_get(record, "step")), stopped);
    assert_true(json_is_string(json_object_get(record, "resumed_from")));
    assert_int_equal(count_records(fixture, "step", NULL), 48);
    json_decref(record);
}

/* A run that is at its end already: nothing is leased, the workers only evaluate. */
static void has_nothing_left_to_do(void **state)
{
    struct fixture *fixture = *state;
    struct error error;
    bool orderly;
    fixture->setup.start_step = fixture->setup.steps;
    fixture->play->step = fixture->setup.steps;
    assert_int_equal(run(fixture, &orderly, &error), STATUS_OK);
    assert_true(orderly);
    assert_int_equal(count_records(fixture, "plan", NULL), 0);
}

static void notices_a_silent_worker(void **state)
{
    struct fixture *fixture = *state;
    struct error error;
    bool orderly;
    json_t *record = NULL;
    char line[1400];
    fixture->setup.config.runtime.liveness_seconds = 0.3;
    fixture->play->silent_from = 5;
    fixture->play->checkpoint_every = 8; /* where the others wait for it */
    assert_int_equal(run(fixture, &orderly, &error), STATUS_LOST);
    assert_false(orderly);
    error_format(&error, line, sizeof line);
    assert_non_null(strstr(line, "rank 2@node2"));
    assert_non_null(strstr(line, "last in step 5"));
    assert_int_equal(count_records(fixture, "fault", &record), 1);
    assert_int_equal(json_integer_value(json_object_get(record, "rank")), 2);
    assert_string_equal(json_string_value(json_object_get(record, "host")), "node2");
    json_decref(record);
    assert_false(exists(fixture, 8, 0));
    assert_false(exists(fixture, 8, 1));
}

/* The watchdog of worker 2 answers, but its main thread has shown no life since step 6. */
static void notices_a_worker_that_hangs(void **state)
{
    struct fixture *fixture = *state;
    struct watchdog_address address;
    struct watchdog *worker;
    struct error error;
    bool orderly;
    json_t *record = NULL;
    fixture->setup.config.runtime.liveness_seconds = 6;
    assert_int_equal(watchdog_create_coordinator(WORKERS, 6, &address, &fixture->watchdog, &error),
                     STATUS_OK);
    assert_int_equal(watchdog_create_worker(2, 8, &address, &worker, &error), STATUS_OK);
    watchdog_progress(worker, 6, PHASE_BACKWARD, false);
    struct watchdog_sight sight = {0};
    while (!sight.heard || sight.step != 6 || sight.stuck < 0.5) {
        usleep(10000);
        watchdog_look(fixture->watchdog, 1, &sight);
    }
    fixture->play->silent_from = 5;
    fixture->play->checkpoint_every = 8;
    enum status status = run(fixture, &orderly, &error);
    watchdog_close(worker);
    watchdog_close(fixture->watchdog);
    assert_int_equal(status, STATUS_LOST);
    assert_false(orderly);
    if (!strstr(error.what, "a worker hangs: its process answers")) {
        fail_msg("instead: %s (%s)", error.what, error.where);
    }
    assert_non_null(strstr(error.what, "last in step 6 (backward)"));
    assert_int_equal(count_records(fixture, "fault", &record), 1);
    assert_int_equal(json_integer_value(json_object_get(record, "rank")), 2);
    json_decref(record);
}

static void goes_on_after_a_checkpoint_that_cannot_be_written(void **state)
{
    struct fixture *fixture = *state;
    struct error error;
    bool orderly;
    json_t *record = NULL;
    fixture->play->checkpoint_every = 6;
    fixture->play->storage_fault_at = 12;
    assert_int_equal(run(fixture, &orderly, &error), STATUS_OK);
    assert_true(orderly);
    assert_int_equal(fixture->play->commits[1], 8); /* 6, 12, ..., 48 */
    assert_false(exists(fixture, 12, 0));
    assert_false(exists(fixture, 12, 1));
    assert_true(exists(fixture, 48, 0));
    assert_int_equal(count_records(fixture, "fault", NULL), 0);
    assert_int_equal(count_records(fixture, "checkpoint", &record), 7);
    assert_true(json_number_value(json_object_get(record, "stall")) == 0.25); /* of 0.25 and 0.125 */
    assert_true(json_number_value(json_object_get(record, "seconds")) >= 0.75);
    assert_int_equal(count_records(fixture, "warning", &record), 1);
    const char *what = json_string_value(json_object_get(record, "what"));
    assert_non_null(strstr(what, "step 12"));
    assert_non_null(strstr(what, "no space left (rank 2@node2: classifier-alpha.2-of-2.h5)"));
    assert_non_null(strstr(what, "that of step 6"));
    json_decref(record);
}

static void says_what_is_safe_when_the_last_checkpoint_fails(void **state)
{
    struct fixture *fixture = *state;
    struct error error;
    bool orderly;
    json_t *record = NULL;
    fixture->play->checkpoint_every = 20;
    fixture->play->storage_fault_at = 48;
    assert_int_equal(run(fixture, &orderly, &error), STATUS_STORAGE);
    assert_true(orderly);
    assert_non_null(strstr(error.what, "step 48"));
    assert_non_null(strstr(error.what, "no space left"));
    assert_non_null(strstr(error.next, "goes on from step 40"));
    assert_true(exists(fixture, 40, 0));
    assert_false(exists(fixture, 48, 1));
    assert_int_equal(count_records(fixture, "fault", NULL), 1);
    assert_int_equal(count_records(fixture, "stop", &record), 1);
    assert_int_equal(json_integer_value(json_object_get(record, "exit_code")), 6);
    json_decref(record);
}

static void says_when_a_stop_finds_nothing_saved(void **state)
{
    struct fixture *fixture = *state;
    struct error error;
    bool orderly;
    fixture->play->stop_at = 7;
    fixture->play->storage_fault_at = ALWAYS;
    assert_int_equal(run(fixture, &orderly, &error), STATUS_STORAGE);
    assert_non_null(strstr(error.next, "nothing is saved"));
}

static void ends_with_the_first_fault(void **state)
{
    struct fixture *fixture = *state;
    struct error error;
    bool orderly;
    fixture->play->fault_at = 9;
    assert_int_equal(run(fixture, &orderly, &error), STATUS_DATA);
    assert_true(orderly);
    assert_string_equal(error.what, "an image is corrupt");
    assert_string_equal(error.where, "rank 2@node2");
    assert_int_equal(count_records(fixture, "fault", NULL), 1);
}

static void refuses_another_version(void **state)
{
    struct fixture *fixture = *state;
    struct error error;
    bool orderly;
    fixture->play->version = "9.9.9";
    assert_int_equal(run(fixture, &orderly, &error), STATUS_USAGE);
    assert_false(orderly);
    assert_non_null(strstr(error.what, "daild 9.9.9"));
    assert_string_equal(error.where, "rank 2@node2");
    assert_int_equal(fixture->play->start[0].steps, 0);
}

static void refuses_a_checkpoint_of_another_model(void **state)
{
    struct fixture *fixture = *state;
    struct checkpoint_dataset datasets[2] = {{"alpha", 4, 10, 2}, {"beta", 9, 3, 1}};
    struct checkpoint_state good = {.lanes = 2,
                                    .arch = "iresnet10",
                                    .input = 32,
                                    .embedding = 64,
                                    .width = 1,
                                    .datasets = datasets,
                                    .dataset_count = 2};
    struct error error;
    assert_int_equal(resume_check_fit(&fixture->setup, &good, "c", &error), STATUS_OK);
    struct checkpoint_state bad[6] = {good, good, good, good, good, good};
    struct checkpoint_dataset other[2] = {{"alpha", 4, 11, 2}, {"beta", 9, 3, 1}};
    snprintf(bad[0].arch, sizeof bad[0].arch, "iresnet18");
    bad[1].input = 48;
    bad[2].embedding = 32;
    bad[3].width = 0.5;
    bad[4].dataset_count = 1;
    bad[5].datasets = other;
    static const char *const what[6] = {"model.arch",  "model.input", "model.embedding",
                                        "model.width", "1 datasets",  "11 classes"};
    for (int i = 0; i < 6; i++) {
        assert_int_equal(resume_check_fit(&fixture->setup, &bad[i], "c", &error), STATUS_USAGE);
        assert_non_null(strstr(error.what, "another model"));
        assert_non_null(strstr(error.what, what[i]));
    }
    bad[0] = good;
    bad[0].hidden_count = 1;
    assert_int_equal(resume_check_fit(&fixture->setup, &bad[0], "c", &error), STATUS_USAGE);
    assert_non_null(strstr(error.what, "domain.hidden"));
}

static void counts_lanes_and_steps(void **state)
{
    struct fixture *fixture = *state;
    struct setup *setup = &fixture->setup;
    struct error error;
    setup->config.data.lanes = 0;
    setup->workers = 3;
    assert_int_equal(setup_count_steps(setup, 2, &error), STATUS_USAGE); /* 3 workers, 2 lanes */
    assert_non_null(strstr(error.what, "1, 2 workers can"));
    setup->config.data.lanes = 0;
    setup->workers = 1;
    assert_int_equal(setup_count_steps(setup, 2, &error), STATUS_OK);
    assert_int_equal(setup->lanes, 2); /* the checkpoint's, not the workers' */
    setup->config.data.lanes = 4;
    assert_int_equal(setup_count_steps(setup, 2, &error), STATUS_USAGE);
    setup->config.data.lanes = 64;
    assert_int_equal(setup_count_steps(setup, 0, &error), STATUS_USAGE); /* 614 images, 1024 a step */
    setup->config.data.lanes = 1;
    setup->config.schedule.epochs = 0.01;
    assert_int_equal(setup_count_steps(setup, 0, &error), STATUS_USAGE); /* 0.38 steps */
}

static void sets_later_checkpoints_aside(void **state)
{
    struct fixture *fixture = *state;
    struct error error;
    char path[512];
    int moved;
    assert_int_equal(checkpoint_prepare(fixture->run_dir, &error), STATUS_OK);
    for (int64_t step = 10; step <= 30; step += 10) {
        assert_int_equal(checkpoint_begin(fixture->run_dir, step, &error), STATUS_OK);
        char temporary[512];
        checkpoint_path(fixture->run_dir, step, 1, temporary, sizeof temporary);
        checkpoint_path(fixture->run_dir, step, 0, path, sizeof path);
        assert_int_equal(rename(temporary, path), 0);
    }
    assert_int_equal(resume_set_aside(fixture->run_dir, 10, &moved, &error), STATUS_OK);
    assert_int_equal(moved, 2);
    assert_true(exists(fixture, 10, 0));
    assert_false(exists(fixture, 20, 0));
    assert_false(exists(fixture, 30, 0));
    snprintf(path, sizeof path, "%s/checkpoints/step-000000030.old", fixture->run_dir);
    assert_int_equal(access(path, F_OK), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(runs_to_the_end, begin, end),
        cmocka_unit_test_setup_teardown(writes_each_step_once_though_reports_come_late, begin, end),
        cmocka_unit_test_setup_teardown(stops_on_request_and_goes_on, begin, end),
        cmocka_unit_test_setup_teardown(has_nothing_left_to_do, begin, end),
        cmocka_unit_test_setup_teardown(notices_a_silent_worker, begin, end),
        cmocka_unit_test_setup_teardown(notices_a_worker_that_hangs, begin, end),
        cmocka_unit_test_setup_teardown(goes_on_after_a_checkpoint_that_cannot_be_written, begin, end),
        cmocka_unit_test_setup_teardown(says_what_is_safe_when_the_last_checkpoint_fails, begin, end),
        cmocka_unit_test_setup_teardown(says_when_a_stop_finds_nothing_saved, begin, end),
        cmocka_unit_test_setup_teardown(ends_with_the_first_fault, begin, end),
        cmocka_unit_test_setup_teardown(refuses_another_version, begin, end),
        cmocka_unit_test_setup_teardown(refuses_a_checkpoint_of_another_model, begin, end),
        cmocka_unit_test_setup_teardown(counts_lanes_and_steps, begin, end),
        cmocka_unit_test_setup_teardown(sets_later_checkpoints_aside, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
