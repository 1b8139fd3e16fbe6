/* daemon/setup/resume.h and the counting in daemon/setup/setup_make.h: what a run goes on from, and
 * how long it is. */
#include "daemon/setup/resume.h"
#include "daemon/setup/setup_make.h"

#include "worker/checkpoint/checkpoint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
    char run_dir[200];
    struct setup setup;
    struct manifest manifests[2];
    uint32_t classes[2];
    char arch[16];
};

static int begin(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    const char *base = getenv("TMPDIR");
    snprintf(fixture->run_dir, sizeof fixture->run_dir, "%s/dail-resume-XXXXXX", base ? base : "/tmp");
    assert_non_null(mkdtemp(fixture->run_dir));
    snprintf(fixture->arch, sizeof fixture->arch, "iresnet10");
    fixture->manifests[0] = (struct manifest){.name = "alpha", .dataset_id = 4, .classes = 10, .images = 513};
    fixture->manifests[1] = (struct manifest){.name = "beta", .dataset_id = 9, .classes = 3, .images = 101};
    fixture->classes[0] = 10;
    fixture->classes[1] = 3;
    struct setup *setup = &fixture->setup;
    *setup = (struct setup){.workers = 2,
                            .lanes = 2,
                            .manifests = fixture->manifests,
                            .datasets = 2,
                            .classes = fixture->classes,
                            .images = 614};
    setup->config.run.dir = fixture->run_dir;
    setup->config.model.arch = fixture->arch;
    setup->config.model.input = 32;
    setup->config.model.embedding = 64;
    setup->config.model.width = 1;
    setup->config.batch.lane = 16;
    setup->config.schedule.epochs = 2.5;
    *state = fixture;
    return 0;
}

static int end(void **state)
{
    struct fixture *fixture = *state;
    char command[300];
    snprintf(command, sizeof command, "rm -rf '%s'", fixture->run_dir);
    assert_int_equal(system(command), 0);
    free(fixture);
    return 0;
}

static bool exists(const struct fixture *fixture, int64_t step)
{
    char path[512];
    checkpoint_path(fixture->run_dir, step, NULL, path, sizeof path);
    return access(path, F_OK) == 0;
}

static void refuses_a_checkpoint_of_another_model(void **state)
{
    struct fixture *fixture = *state;
    struct checkpoint_dataset datasets[2] = {{"alpha", 4, 10, 2, ""}, {"beta", 9, 3, 1, ""}};
    struct checkpoint_state good = {
        .lanes = 2,
        .network = {.arch = "iresnet10", .input = 32, .embedding = 64, .width = 1},
        .datasets = datasets,
        .dataset_count = 2};
    struct error error;
    assert_int_equal(resume_check_fit(&fixture->setup, &good, "c", &error), STATUS_OK);
    struct checkpoint_state bad[6] = {good, good, good, good, good, good};
    struct checkpoint_dataset other[2] = {{"alpha", 4, 11, 2, ""}, {"beta", 9, 3, 1, ""}};
    bad[0].network.arch = "iresnet18";
    bad[1].network.input = 48;
    bad[2].network.embedding = 32;
    bad[3].network.width = 0.5;
    bad[4].dataset_count = 1;
    bad[5].datasets = other;
    static const char *const what[6] = {"model.arch",  "model.input", "model.embedding",
                                        "model.width", "1 datasets",  "11 classes"};
    for (int i = 0; i < 6; i++) {
        assert_int_equal(resume_check_fit(&fixture->setup, &bad[i], "c", &error), STATUS_USAGE);
        assert_non_null(strstr(error.what, "another model"));
        assert_non_null(strstr(error.what, what[i]));
    }
    struct checkpoint_dataset named[2] = {{"alpha", 4, 10, 2, ""}, {"gamma", 9, 3, 1, ""}};
    struct checkpoint_dataset renumbered[2] = {{"alpha", 0, 10, 2, ""}, {"beta", 0, 3, 1, ""}};
    bad[0] = good;
    bad[0].datasets = named;
    assert_int_equal(resume_check_fit(&fixture->setup, &bad[0], "c", &error), STATUS_USAGE);
    assert_non_null(strstr(error.what, "gamma"));
    bad[0].datasets = renumbered;
    assert_int_equal(resume_check_fit(&fixture->setup, &bad[0], "c", &error), STATUS_OK);
    bad[0] = good;
    bad[0].hidden_count = 1;
    assert_int_equal(resume_check_fit(&fixture->setup, &bad[0], "c", &error), STATUS_USAGE);
    assert_non_null(strstr(error.what, "domain.hidden"));
}

static void refuses_other_people(void **state)
{
    struct fixture *fixture = *state;
    struct setup *setup = &fixture->setup;
    struct checkpoint_dataset datasets[2] = {{"alpha", 4, 10, 2, "1111111122222222"}, {"beta", 9, 3, 1, ""}};
    struct checkpoint_state state_there = {.datasets = datasets, .dataset_count = 2};
    struct error error;
    snprintf(fixture->manifests[0].path, sizeof fixture->manifests[0].path, "data/alpha.yaml");
    strcpy(fixture->manifests[0].fingerprint, "1111111122222222");
    strcpy(fixture->manifests[1].fingerprint, "3333333344444444"); /* a checkpoint of before has none */
    assert_int_equal(resume_check_people(setup, &state_there, "c", &error), STATUS_OK);
    assert_int_equal(setup->warnings, 0);
    strcpy(fixture->manifests[0].fingerprint, "1111111155555555");
    assert_int_equal(resume_check_people(setup, &state_there, "c", &error), STATUS_OK);
    assert_int_equal(setup->warnings, 1);
    assert_non_null(strstr(setup->warning[0], "dataset alpha has been packed anew"));
    strcpy(fixture->manifests[0].fingerprint, "5555555522222222");
    assert_int_equal(resume_check_people(setup, &state_there, "c", &error), STATUS_DATA);
    assert_non_null(strstr(error.what, "dataset alpha has other people"));
    assert_non_null(strstr(error.where, "data/alpha.yaml"));
}

static void counts_lanes_and_steps(void **state)
{
    struct fixture *fixture = *state;
    struct setup *setup = &fixture->setup;
    struct error error;
    setup->config.data.lanes = 0;
    setup->workers = 3;
    assert_int_equal(setup_count_steps(setup, 2, &error), STATUS_USAGE); /* 3 workers, 2 lanes */
    assert_non_null(strstr(error.what, "3 workers cannot share 2 lanes"));
    setup->config.data.lanes = 0;
    setup->workers = 1;
    assert_int_equal(setup_count_steps(setup, 2, &error), STATUS_OK);
    assert_int_equal(setup->lanes, 2); /* the checkpoint's, not the workers' */
    setup->config.data.lanes = 3;
    setup->workers = 2;
    assert_int_equal(setup_count_steps(setup, 0, &error), STATUS_OK); /* one worker has two */
    setup->workers = 1;
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
    assert_int_equal(checkpoint_prepare(fixture->run_dir, NULL, &error), STATUS_OK);
    for (int64_t step = 10; step <= 30; step += 10) {
        assert_int_equal(checkpoint_begin(fixture->run_dir, "", step, &error), STATUS_OK);
        char temporary[512];
        checkpoint_path(fixture->run_dir, step, "", temporary, sizeof temporary);
        checkpoint_path(fixture->run_dir, step, NULL, path, sizeof path);
        assert_int_equal(rename(temporary, path), 0);
    }
    assert_int_equal(resume_set_aside(fixture->run_dir, 10, &moved, &error), STATUS_OK);
    assert_int_equal(moved, 2);
    assert_true(exists(fixture, 10));
    assert_false(exists(fixture, 20));
    assert_false(exists(fixture, 30));
    snprintf(path, sizeof path, "%s/checkpoints/step-000000030.old", fixture->run_dir);
    assert_int_equal(access(path, F_OK), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(refuses_a_checkpoint_of_another_model, begin, end),
        cmocka_unit_test_setup_teardown(refuses_other_people, begin, end),
        cmocka_unit_test_setup_teardown(counts_lanes_and_steps, begin, end),
        cmocka_unit_test_setup_teardown(sets_later_checkpoints_aside, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
