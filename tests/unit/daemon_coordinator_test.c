/* daemon/coordinator/coordinator.h against workers that are played: whole runs, stops, lost and failing
 * workers. */
#include "daemon/coordinator/coordinator.h"
#include "daemon/setup/resume.h"
#include "daemon/setup/setup_make.h"
#include "tests/unit/coordinator_play.h"

#include "worker/checkpoint/checkpoint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static struct manifest_shard alpha_shards[] = {{.file = "a0", .images = 300}, {.file = "a1", .images = 213}};
static struct manifest_shard beta_shards[] = {{.file = "b0", .images = 101}};

struct fixture {
    struct watchdog *watchdog; /* NULL but in one test */
    char run_dir[200];
    struct setup setup;
    struct manifest manifests[2];
    struct sampling sampling[2];
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
                            .sampling = fixture->sampling,
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
    const struct status_log_limits limits = {0};
    assert_int_equal(journal_open(fixture->run_dir, &limits, NULL, &fixture->journal, &error), STATUS_OK);
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

static bool exists(const struct fixture *fixture, int64_t step, bool temporary)
{
    char path[512];
    struct stat there;
    checkpoint_path(fixture->run_dir, step, temporary ? "" : NULL, path, sizeof path);
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
    assert_true(exists(fixture, 48, false) && exists(fixture, 40, 0));
    assert_false(exists(fixture, 30, false)); /* keep: 2 */
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
    assert_true(exists(fixture, stopped, false));

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
    char line[ERROR_LINE_SIZE];
    fixture->setup.config.runtime.liveness_seconds = 3; /* far above what a busy machine stands still */
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
    assert_false(exists(fixture, 8, false));
    assert_false(exists(fixture, 8, true));
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
    watchdog_progress(worker, &(struct message_heartbeat){.step = 6, .phase = PHASE_BACKWARD});
    struct watchdog_heartbeat heartbeat = {0};
    while (!heartbeat.heard || heartbeat.sign.step != 6 || heartbeat.stuck < 0.5) {
        usleep(10000);
        watchdog_look(fixture->watchdog, 1, &heartbeat);
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
    assert_false(exists(fixture, 12, false));
    assert_false(exists(fixture, 12, true));
    assert_true(exists(fixture, 48, false));
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

static void warns_when_training_waits_for_a_checkpoint(void **state)
{
    struct fixture *fixture = *state;
    struct error error;
    bool orderly;
    json_t *record = NULL;
    fixture->setup.config.runtime.liveness_seconds = 1;
    fixture->play->checkpoint_every = 10;
    fixture->play->slow_at = 20;
    assert_int_equal(run(fixture, &orderly, &error), STATUS_OK);
    assert_true(orderly);
    assert_int_equal(count_records(fixture, "warning", &record), 1);
    const char *what = json_string_value(json_object_get(record, "what"));
    assert_non_null(strstr(what, "the run has stood still for "));
    assert_non_null(strstr(what, "for rank 2@node2: "));
    assert_non_null(strstr(what, "phase checkpoint: at part.h5"));
    assert_true(count_records(fixture, "stall", &record) >= 1);
    assert_int_equal(count_records(fixture, "checkpoint", NULL), 5);
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
    assert_true(exists(fixture, 40, false));
    assert_false(exists(fixture, 48, true));
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
        cmocka_unit_test_setup_teardown(warns_when_training_waits_for_a_checkpoint, begin, end),
        cmocka_unit_test_setup_teardown(says_what_is_safe_when_the_last_checkpoint_fails, begin, end),
        cmocka_unit_test_setup_teardown(says_when_a_stop_finds_nothing_saved, begin, end),
        cmocka_unit_test_setup_teardown(ends_with_the_first_fault, begin, end),
        cmocka_unit_test_setup_teardown(refuses_another_version, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
