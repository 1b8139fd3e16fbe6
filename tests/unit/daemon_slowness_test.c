/* Who holds a run up: found by how much and for how long, and cleared again; noise finds nobody. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/coordinator/slowness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORKERS = 4 };

static struct slowness slowness;
static struct step_seconds report[WORKERS];

static int begin(void **state)
{
    (void)state;
    struct error error;
    for (int w = 0; w < WORKERS; w++) {
        report[w] = (struct step_seconds){
            .heard = true, .data = 0.001, .compute = 0.1, .exchange = 0.01, .bytes = 1e6};
    }
    return (int)slowness_open(WORKERS, WORKERS, 10, &slowness, &error);
}

static int end(void **state)
{
    (void)state;
    slowness_close(&slowness);
    return 0;
}

/* Reports of ten steps over so many stretches; what all of them changed, in `changes`. */
static int take(double stretches, struct slow_change changes[8])
{
    int count = 0;
    double step = 0;
    for (int w = 0; w < WORKERS; w++) {
        step += (report[w].data + report[w].compute + report[w].exchange) / WORKERS;
    }
    for (double spent = 0; spent < stretches * 10 - step; spent += 10 * step) {
        slowness_take_steps(&slowness, report, 10);
        for (int i = 0; i < slowness.change_count; i++) {
            assert_true(count < 8);
            changes[count++] = slowness.changes[i];
        }
    }
    return count;
}

static void name(void *context, int worker, char *text, size_t size)
{
    (void)context;
    snprintf(text, size, "rank %d@n%d", worker + 1, worker);
}

static void assert_says(enum slow_kind kind, bool begins, const char *words)
{
    char text[768] = "";
    assert_true(slowness_describe(&slowness, kind, begins, name, NULL, text, sizeof text));
    if (!strstr(text, words)) {
        fail_msg("\"%s\" is not in: %s", words, text);
    }
    assert_false(slowness_describe(&slowness, kind, !begins, name, NULL, text, sizeof text));
}

/* The others wait in the exchange for the worker that computes 3.8 times as long. */
static void straggle(double factor)
{
    for (int w = 0; w < WORKERS; w++) {
        report[w].compute = w == 2 ? 0.1 * factor : 0.1;
        report[w].exchange = w == 2 ? 0.01 : 0.01 + 0.1 * (factor - 1);
    }
}

static void test_a_straggler_is_named_and_cleared(void **state)
{
    (void)state;
    struct slow_change changes[8];
    assert_int_equal(take(3, changes), 0);
    straggle(3.8);
    assert_int_equal(take(1.2, changes), 0); /* one stretch is not enough */
    assert_int_equal(take(2, changes), 1);
    assert_int_equal(changes[0].kind, SLOW_COMPUTE);
    assert_int_equal(changes[0].worker, 2);
    assert_true(changes[0].begins);
    assert_float_equal(changes[0].own, 0.38, 1e-9);
    assert_float_equal(changes[0].others, 0.1, 1e-9);
    assert_int_equal(take(5, changes), 0); /* said once */
    straggle(1);
    assert_int_equal(take(4, changes), 1);
    assert_false(changes[0].begins);
    assert_int_equal(changes[0].worker, 2);
}

static void test_words(void **state)
{
    (void)state;
    straggle(3.8);
    while (slowness.change_count == 0) {
        slowness_take_steps(&slowness, report, 10);
    }
    assert_says(SLOW_COMPUTE, true,
                "rank 3@n2 computes 3.8 times as long as the others, 0.380 s a step against 0.100 s");
    straggle(1);
    do {
        slowness_take_steps(&slowness, report, 10);
    } while (slowness.change_count == 0);
    assert_says(SLOW_COMPUTE, false, "rank 3@n2 holds the others up no longer");
}

/* Between the two thresholds nothing changes, whatever was before; and single stretches change nothing. */
static void test_noise_does_not_flap(void **state)
{
    (void)state;
    struct slow_change changes[8];
    for (int i = 0; i < 50; i++) {
        straggle(i % 2 == 0 ? 2 : 1);
        assert_int_equal(take(1, changes), 0);
    }
    straggle(1.45);
    assert_int_equal(take(10, changes), 0);
    straggle(1.7);
    assert_int_equal(take(4, changes), 1);
    straggle(1.35);
    assert_int_equal(take(10, changes), 0);
    straggle(1.2);
    assert_int_equal(take(4, changes), 1);
}

/* Twice as long as next to nothing is nothing. */
static void test_what_costs_nothing_is_not_said(void **state)
{
    (void)state;
    struct slow_change changes[8];
    for (int w = 0; w < WORKERS; w++) {
        report[w].compute = w == 0 ? 0.004 : 0.002;
        report[w].exchange = 0.1;
    }
    assert_int_equal(take(10, changes), 0);
}

static void test_slow_data(void **state)
{
    (void)state;
    struct slow_change changes[8];
    report[1].data = 0.15;
    for (int w = 0; w < WORKERS; w++) {
        report[w].exchange = w == 1 ? 0.01 : 0.16;
    }
    assert_int_equal(take(4, changes), 1);
    assert_int_equal(changes[0].kind, SLOW_DATA);
    assert_int_equal(changes[0].worker, 1);
    assert_float_equal(changes[0].own, 0.15, 1e-9);
    report[1].data = 0.001;
    assert_int_equal(take(4, changes), 1);
    assert_false(changes[0].begins);
}

/* A file server that is slow for all: one warning, which names some and counts the others. */
static void test_all_are_slow(void **state)
{
    (void)state;
    struct slow_change changes[8];
    for (int w = 0; w < WORKERS; w++) {
        report[w].data = 0.1 + 0.01 * w;
    }
    assert_int_equal(take(2.2, changes), WORKERS);
    for (int i = 0; i < 10 && slowness.change_count == 0; i++) {
        slowness_take_steps(&slowness, report, 10);
    }
    slowness.change_count = WORKERS;
    memcpy(slowness.changes, changes, WORKERS * sizeof *changes);
    assert_says(SLOW_DATA, true, "rank 4@n3 waits 0.130 s");
    assert_says(SLOW_DATA, true, "; so it is with rank 1@n0, rank 2@n1, rank 3@n2");
}

static void test_an_uneven_exchange(void **state)
{
    (void)state;
    struct slow_change changes[8];
    report[3].bytes = 2.5e6;
    assert_int_equal(take(5, changes), 0); /* nobody waits for it */
    for (int w = 0; w < WORKERS; w++) {
        report[w].exchange = 0.1;
    }
    assert_int_equal(take(4, changes), 1);
    assert_int_equal(changes[0].kind, SLOW_EXCHANGE);
    assert_int_equal(changes[0].worker, 3);
    assert_float_equal(changes[0].share, 0.4975f, 1e-3f);
}

static void test_a_slow_disk(void **state)
{
    (void)state;
    struct slow_writing writing[WORKERS];
    for (int w = 0; w < WORKERS; w++) {
        writing[w] = (struct slow_writing){.bytes = w == 0 ? 500e6 : 10e6, .seconds = w == 0 ? 5 : 0.1};
    }
    slowness_take_checkpoint(&slowness, writing, 1000);
    assert_int_equal(slowness.change_count, 0); /* the first has more to write */
    writing[2].seconds = 4;
    slowness_take_checkpoint(&slowness, writing, 1000);
    assert_int_equal(slowness.change_count, 1);
    assert_int_equal(slowness.changes[0].worker, 2);
    assert_says(
        SLOW_DISK, true,
        "rank 3@n2 took 4.0 s to write its part of a checkpoint, at the others' speed it had been 0.1 s");
    writing[2].seconds = 0.1;
    slowness_take_checkpoint(&slowness, writing, 1000);
    assert_int_equal(slowness.change_count, 0);
    slowness_take_checkpoint(&slowness, writing, 1000);
    assert_int_equal(slowness.change_count, 1);
    assert_says(SLOW_DISK, false, "rank 3@n2 writes checkpoints at the usual speed again");
    /* A file system that all wait for. */
    for (int w = 0; w < WORKERS; w++) {
        writing[w].seconds *= 100;
        writing[w].stall = 40;
    }
    slowness_take_checkpoint(&slowness, writing, 100);
    assert_int_equal(slowness.change_count, 1);
    assert_says(SLOW_DISK, true, "rank 1@n0 took 500.0 s");
    assert_says(SLOW_DISK, true, "training stood still 40% of the time");
}

static void test_one_worker_has_no_others(void **state)
{
    (void)state;
    struct slowness alone;
    struct error error;
    struct step_seconds one = {.heard = true, .data = 0.5, .compute = 1};
    struct slow_writing writing = {.bytes = 1e6, .seconds = 9, .stall = 9};
    int changes = 0;
    assert_int_equal(slowness_open(1, 1, 1, &alone, &error), STATUS_OK);
    for (int i = 0; i < 10; i++) {
        slowness_take_steps(&alone, &one, 10);
        changes += alone.change_count;
    }
    assert_int_equal(changes, 1); /* its data */
    slowness_take_checkpoint(&alone, &writing, 10);
    assert_int_equal(alone.change_count, 1);
    slowness_close(&alone);
}

/* Who has two lanes computes twice as long as the others, and is not slow by it; who does with one lane, is. */
static void test_lanes_count(void **state)
{
    (void)state;
    struct slow_change changes[8];
    slowness.lanes = WORKERS + 1; /* the last worker has two */
    report[3].compute = 0.2;
    assert_int_equal(take(5, changes), 0);
    report[1].compute = 0.2;
    assert_int_equal(take(5, changes), 1);
    assert_int_equal(changes[0].kind, SLOW_COMPUTE);
    assert_int_equal(changes[0].worker, 1);
    assert_float_equal(changes[0].own, 0.4, 1e-9);
    assert_float_equal(changes[0].others, 0.2, 1e-9);
}

static void test_it_can_be_turned_off(void **state)
{
    (void)state;
    struct slow_change changes[8];
    slowness.seconds = 0;
    straggle(9);
    assert_int_equal(take(5, changes), 0);
}

int main(void)
{
#define WITH(test) cmocka_unit_test_setup_teardown(test, begin, end)
    const struct CMUnitTest tests[] = {WITH(test_a_straggler_is_named_and_cleared),
                                       WITH(test_words),
                                       WITH(test_noise_does_not_flap),
                                       WITH(test_what_costs_nothing_is_not_said),
                                       WITH(test_slow_data),
                                       WITH(test_all_are_slow),
                                       WITH(test_an_uneven_exchange),
                                       WITH(test_a_slow_disk),
                                       WITH(test_one_worker_has_no_others),
                                       WITH(test_lanes_count),
                                       WITH(test_it_can_be_turned_off)};
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
