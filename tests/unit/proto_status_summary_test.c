/* The summary of a run, folded from its records one by one. */
#include "proto/status/status_summary.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void fold(struct status_summary *summary, const char *text)
{
    struct status_record record;
    assert_true(status_record_read(text, strlen(text), &record));
    status_summary_fold(summary, &record);
    status_record_free(&record);
}

static const char *const start =
    "{\"t\":100,\"seq\":0,\"kind\":\"start\",\"name\":\"demo\",\"version\":\"0.1.0\",\"lanes\":2,\"global_"
    "batch\":32,"
    "\"parameters\":1000,\"steps\":500,\"steps_per_epoch\":50,\"step\":0,\"resumed_from\":null,\"workers\":["
    "{\"rank\":1,\"host\":\"a\",\"pid\":7,\"threads\":4,\"isa\":\"avx2\"},"
    "{\"rank\":2,\"host\":\"b\",\"pid\":8,\"threads\":2,\"isa\":\"generic\"}]}";
static const char *const step =
    "{\"t\":110,\"kind\":\"step\",\"epoch\":2,\"step\":60,\"steps\":500,\"loss\":3.5,\"loss_cls\":3,\"loss_"
    "dom\":0.5,"
    "\"accuracy\":0.25,\"domain_accuracy\":0.75,\"lambda\":0.1,\"lr\":0.05,\"grad_norm\":2,\"images_per_"
    "second\":40,"
    "\"eta_seconds\":352,\"seconds\":{\"data\":0.1,\"compute\":0.6,\"exchange\":0.2,\"exchange_hidden\":0.4},"
    "\"workers\":["
    "{\"rank\":2,\"data\":0.3,\"compute\":0.4,\"exchange\":0.5}]}";

static int set_up(void **state)
{
    struct status_summary *summary = malloc(sizeof *summary);
    status_summary_init(summary);
    *state = summary;
    return 0;
}

static int tear_down(void **state)
{
    free(*state);
    return 0;
}

static void test_start_and_step(void **state)
{
    struct status_summary *s = *state;
    assert_int_equal(s->state, SUMMARY_NONE);
    fold(s, start);
    assert_int_equal(s->state, SUMMARY_RUNNING);
    assert_string_equal(s->name, "demo");
    assert_string_equal(s->version, "0.1.0");
    assert_true(s->begin == 100 && s->lanes == 2 && s->global_batch == 32 && s->parameters == 1000);
    assert_true(s->worker_count == 2 && s->workers[0].threads == 4 && isnan(s->workers[0].seconds.data));
    assert_string_equal(s->workers[1].isa, "generic");
    fold(s, step);
    assert_true(s->step.epoch == 2 && s->step.step == 60 && s->step.steps == 500 && s->last_t == 110);
    assert_true(s->step.loss == 3.5 && s->step.loss_cls == 3 && s->step.loss_dom == 0.5 &&
                s->step.accuracy == 0.25);
    assert_true(s->step.domain_accuracy == 0.75 && s->step.lambda == 0.1 && s->step.lr == 0.05 &&
                s->step.grad_norm == 2);
    assert_true(s->step.images_per_second == 40 && s->step.eta_seconds == 352 &&
                s->step.seconds.compute == 0.6 && s->step.seconds.hidden == 0.4);
    assert_true(isnan(s->workers[0].seconds.data) && s->workers[1].seconds.data == 0.3 &&
                s->workers[1].seconds.exchange == 0.5);
    assert_int_equal(s->history, 1);
}

static void test_history_keeps_the_newest(void **state)
{
    struct status_summary *s = *state;
    fold(s, start);
    for (int i = 0; i < SUMMARY_HISTORY + 10; i++) {
        char record[128];
        snprintf(record, sizeof record, "{\"t\":1,\"kind\":\"step\",\"loss_cls\":%d,\"loss_dom\":%d}", i, -i);
        fold(s, record);
    }
    assert_int_equal(s->history, SUMMARY_HISTORY);
    assert_true(s->loss_history[0] == 10 && s->loss_history[SUMMARY_HISTORY - 1] == SUMMARY_HISTORY + 9);
    assert_true(s->domain_history[0] == -10);
}

static void test_newest_of_each_set(void **state)
{
    struct status_summary *s = *state;
    fold(s,
         "{\"t\":1,\"kind\":\"eval\",\"set\":\"lfw\",\"step\":10,\"pairs\":60,\"accuracy\":0.8,\"auc\":0.9}");
    fold(
        s,
        "{\"t\":2,\"kind\":\"eval\",\"set\":\"cfp\",\"step\":10,\"pairs\":70,\"accuracy\":0.7,\"auc\":null}");
    fold(
        s,
        "{\"t\":3,\"kind\":\"eval\",\"set\":\"lfw\",\"step\":20,\"pairs\":60,\"accuracy\":0.85,\"auc\":0.9}");
    assert_int_equal(s->eval_count, 2);
    assert_string_equal(s->evals[0].set, "lfw");
    assert_true(s->evals[0].step == 20 && s->evals[0].accuracy == 0.85);
    assert_true(isnan(s->evals[1].auc) && isnan(s->evals[1].accuracy_std));
    for (int i = 0; i < 2 * SUMMARY_SETS; i++) {
        char record[128];
        snprintf(record, sizeof record, "{\"t\":4,\"kind\":\"eval\",\"set\":\"set %d\"}", i);
        fold(s, record);
    }
    assert_int_equal(s->eval_count, SUMMARY_SETS);
}

static void test_how_a_run_ends(void **state)
{
    static const struct {
        const char *stop;
        enum summary_state state;
        const char *name;
    } cases[] = {
        {"{\"t\":9,\"kind\":\"stop\",\"reason\":\"done\",\"exit_code\":0}", SUMMARY_DONE, "done"},
        {"{\"t\":9,\"kind\":\"stop\",\"reason\":\"requested\",\"exit_code\":75}", SUMMARY_STOPPED, "stopped"},
        {"{\"t\":9,\"kind\":\"stop\",\"reason\":\"failed\",\"exit_code\":4}", SUMMARY_FAILED, "failed"},
        {"{\"t\":9,\"kind\":\"stop\",\"reason\":\"failed\"}", SUMMARY_FAILED, "failed"}};
    struct status_summary *s = *state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fold(s, start);
        fold(s, cases[i].stop);
        assert_int_equal(s->state, cases[i].state);
        assert_string_equal(status_summary_state_name(s->state), cases[i].name);
    }
}

static void test_faults_and_warnings(void **state)
{
    struct status_summary *s = *state;
    fold(s, start);
    fold(s, "{\"t\":5,\"kind\":\"warning\",\"what\":\"slow disk\"}");
    fold(s, "{\"t\":6,\"kind\":\"fault\",\"rank\":2,\"host\":\"b\",\"what\":\"gone\"}");
    assert_string_equal(s->warning, "slow disk");
    assert_string_equal(s->fault, "rank 2@b: gone");
    assert_int_equal(s->state, SUMMARY_FAILED);
    fold(s, step);
    assert_int_equal(s->state, SUMMARY_RUNNING);
    fold(s, "{\"t\":7,\"kind\":\"stop\",\"reason\":\"failed\",\"exit_code\":5}");
    fold(s, "{\"t\":8,\"kind\":\"step\",\"step\":61}");
    assert_int_equal(s->state, SUMMARY_FAILED);
}

static void test_resumed_run_keeps_and_fresh_run_forgets(void **state)
{
    struct status_summary *s = *state;
    fold(s, start);
    fold(s, step);
    fold(s, "{\"t\":120,\"kind\":\"checkpoint\",\"step\":60,\"path\":\"x/step-000000060\",\"bytes\":5}");
    fold(s, "{\"t\":121,\"kind\":\"stop\",\"exit_code\":75}");
    fold(s, "{\"t\":200,\"kind\":\"start\",\"resumed_from\":\"x/step-000000060\",\"step\":60,\"steps\":500,"
            "\"steps_per_epoch\":50,\"workers\":[{\"rank\":1,\"host\":\"c\"}]}");
    assert_true(s->state == SUMMARY_RUNNING && s->history == 1 && s->checkpoint_step == 60 &&
                s->begin == 200);
    assert_true(s->worker_count == 1 && s->step.epoch == 2);
    assert_string_equal(s->checkpoint_path, "x/step-000000060");
    assert_true(s->checkpoint_t == 120);
    fold(s, start);
    assert_true(s->history == 0 && s->checkpoint_step == -1 && s->eval_count == 0);
}

/* Whatever stands in the log: no crash, no terminal control, no half character. */
static void test_hostile_records(void **state)
{
    static const char *const records[] = {
        "{\"kind\":\"new in 2030\",\"t\":\"x\"}",
        "{\"kind\":\"step\",\"seconds\":[1]}",
        "{\"kind\":\"start\",\"workers\":{\"rank\":1},\"lanes\":99999999999}",
        "{\"kind\":\"eval\",\"set\":[]}",
        "{\"kind\":\"start\",\"workers\":[1,null,{}]}",
        "{\"kind\":\"fault\"}",
        "{\"kind\":\"step\",\"step\":1.5}"};
    struct status_summary *s = *state;
    for (size_t i = 0; i < sizeof records / sizeof records[0]; i++) {
        fold(s, records[i]);
    }
    fold(s, "{\"kind\":\"warning\",\"what\":\"a\\u001b[2J\\u009b31m\\u007fé\\n\"}");
    assert_string_equal(s->warning, "a?[2J?31m?é?");
    char record[2048] = "{\"kind\":\"warning\",\"what\":\"x";
    for (int i = 0; i < 400; i++) {
        strcat(record, "é");
    }
    strcat(record, "\"}");
    fold(s, record);
    assert_int_equal(strlen(s->warning), sizeof s->warning - 1);
    fold(s, "{\"kind\":\"warning\",\"what\":\"\"}");
    memmove(strstr(record, "\"x") + 1, strstr(record, "\"x") + 2, strlen(strstr(record, "\"x") + 2) + 1);
    fold(s, record);
    assert_int_equal(strlen(s->warning), sizeof s->warning - 2);
    struct status_worker *workers = calloc(SUMMARY_WORKERS + 5, sizeof *workers);
    struct status_record many = {.kind = STATUS_KIND_START,
                                 .start = {.version = "", .name = "", .resumed_from = ""}};
    for (int i = 0; i < SUMMARY_WORKERS + 5; i++) {
        workers[i] = (struct status_worker){.rank = i, .host = "", .isa = ""};
    }
    many.start.workers.at = workers;
    many.start.workers.count = SUMMARY_WORKERS + 5;
    status_summary_fold(s, &many);
    free(workers);
    assert_int_equal(s->worker_count, SUMMARY_WORKERS);
}

int main(void)
{
#define WITH_SUMMARY(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_SUMMARY(test_start_and_step),      WITH_SUMMARY(test_history_keeps_the_newest),
        WITH_SUMMARY(test_newest_of_each_set),  WITH_SUMMARY(test_how_a_run_ends),
        WITH_SUMMARY(test_faults_and_warnings), WITH_SUMMARY(test_resumed_run_keeps_and_fresh_run_forgets),
        WITH_SUMMARY(test_hostile_records)};
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
