/* Predictions for several workers, against numbers worked out by hand. */
#include "daemon/command/prediction_report.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct prediction_bucket buckets[] = {{0.05, 4e6}, {0.2, 4e6}};
static const uint32_t classes[] = {1000};
static const uint64_t images[] = {100005};

static struct prediction_input example(void)
{
    return (struct prediction_input){.lane_batch = 10,
                                     .embedding = 100,
                                     .forward = 0.1,
                                     .classifier = 0.02,
                                     .backward = 0.2,
                                     .update = 0.03,
                                     .bucket = buckets,
                                     .buckets = 2,
                                     .exchanged_weights = 2000000,
                                     .classes = classes,
                                     .images = images,
                                     .datasets = 1,
                                     .rows_min = 500,
                                     .bandwidth = 1e8,
                                     .latency = 1e-3,
                                     .memory = 1e10};
}

static struct prediction predict(const struct prediction_input *input, int workers)
{
    struct prediction prediction;
    prediction_make(input, workers, &prediction);
    return prediction;
}

static void near(double value, double expected)
{
    if (!(fabs(value - expected) <= 1e-9 + 1e-6 * fabs(expected))) {
        fail_msg("%.9g where %.9g was expected", value, expected);
    }
}

static void one_worker_is_what_was_measured(void **state)
{
    (void)state;
    struct prediction_input input = example();
    struct prediction one = predict(&input, 1);
    assert_true(one.possible);
    assert_int_equal(one.lanes, 1);
    near(one.step, 0.1 + 0.02 + 0.2 + 0.03);
    near(one.exchange, 0);
    near(one.hidden, 0);
    near(one.images_per_second, 10 / 0.35);
    assert_int_equal(one.steps_per_epoch, 10000);
    near(one.epoch, 3500);
}

/* A bucket takes 2 * 4e6 / 2 / 1e8 + 2 * 1e-3 = 0.042 s. The first is ready at 0.05 and gone at 0.092, hidden
 * by the backward pass; the second is ready at its end, and all of it is waited for. A classifier's round:
 * 10 * (2 * 400 + 16) bytes in 81.6 us and three latencies; then twice 400 bytes in 4 us and two latencies.
 * The step's own sum: two latencies. A worker adds 4e6 bytes; it has half of the rows.
 */
static void two_workers(void **state)
{
    (void)state;
    struct prediction_input input = example();
    struct prediction two = predict(&input, 2);
    assert_int_equal(two.lanes, 2);
    near(two.hidden, 0.042);
    near(two.exchange, 0.042 + (0.0030816 + 0.004008) + 0.002);
    near(two.compute, 0.1 + 0.02 + 0.2 + 0.03 * 2.05 / 2.1 + 0.0004);
    near(two.step, two.compute + two.exchange);
    near(two.images_per_second, 20 / two.step);
    assert_int_equal(two.steps_per_epoch, 5000);
    near(two.epoch, 5000 * two.step);
}

/* Two lanes each: two rounds of computing and of the classifier, one of buckets. The rows' one owner scores
 * the samples of both workers, and nobody reduces. */
static void two_rounds_and_a_single_owner(void **state)
{
    (void)state;
    struct prediction_input input = example();
    input.lanes = 4;
    input.rows_min = 1000;
    struct prediction two = predict(&input, 2);
    near(two.compute, 2 * (0.1 + 0.02 * 2 + 0.2) + 0.03 + 0.0004);
    near(two.exchange, 2 * 0.0030816 + 0.042 + 0.002);
    assert_int_equal(two.steps_per_epoch, 2500);
    near(predict(&input, 3).compute, 2 * (0.1 + 0.02 * 3 + 0.2) + 0.03 + 0.0016 / 3);
    assert_true(predict(&input, 4).possible);
    assert_false(predict(&input, 5).possible);
}

/* Two datasets with a worker each: half of the samples meet half of the rows. With scope `all` a sample meets
 * every row, so that of the same rows each worker scores both workers' samples: as much as one alone did. */
static void datasets_apart(void **state)
{
    (void)state;
    static const uint32_t two_classes[] = {500, 500};
    static const uint64_t two_images[] = {1000, 1000};
    struct prediction_input input = example();
    input.classes = two_classes;
    input.images = two_images;
    input.datasets = 2;
    double rest = 0.1 + 0.2 + 0.03 * 2.05 / 2.1 + 0.0004;
    near(predict(&input, 2).compute, rest + 0.02);
    near(predict(&input, 2).exchange, 0.042 + 0.0030416 + 0.002);
    input.scope_all = true;
    near(predict(&input, 2).compute, rest + 0.02);
    near(predict(&input, 2).exchange, 0.042 + (0.0030816 + 0.004008) + 0.002);
}

static void slow_network_is_told(void **state)
{
    (void)state;
    struct prediction_input input = example();
    struct prediction_table table;
    struct error error;
    input.bandwidth = 1e7;
    input.lanes = 6;
    assert_int_equal(prediction_table_make(&input, 6, &table, &error), STATUS_OK);
    assert_int_equal(table.rows, 4); /* 1, 2, 4, 6 */
    assert_int_equal(table.row[3].workers, 6);
    assert_null(prediction_beaten_by(&table, 0));
    assert_true(table.row[2].possible); /* two workers have two lanes, two have one */
    assert_true(table.row[2].compute > table.row[3].compute * 1.5);
    prediction_table_free(&table);

    input.lanes = 2;
    input.bandwidth = 1e6;
    assert_int_equal(prediction_table_make(&input, 2, &table, &error), STATUS_OK);
    assert_ptr_equal(prediction_beaten_by(&table, 1), &table.row[0]);
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    prediction_print(&input, &table, out);
    fclose(out);
    assert_non_null(strstr(text, "2 workers are slower than 1"));
    free(text);
    json_t *object = prediction_json(&input, &table);
    json_t *rows = json_object_get(object, "workers");
    assert_true(json_is_null(json_object_get(json_array_get(rows, 0), "slower_than_workers")));
    assert_int_equal(json_integer_value(json_object_get(json_array_get(rows, 1), "slower_than_workers")), 1);
    json_decref(object);
    prediction_table_free(&table);
}

static void few_images_make_no_step(void **state)
{
    (void)state;
    static const uint64_t few[] = {15};
    struct prediction_input input = example();
    input.images = few;
    assert_true(predict(&input, 1).possible);
    assert_false(predict(&input, 2).possible);
}

/* Half of the classes, and the ten samples of each lane; 16 bytes of each sample told ahead. */
static void drawn_classes_are_counted(void **state)
{
    (void)state;
    struct prediction_input input = example();
    input.lanes = 4;
    struct prediction full = predict(&input, 4);
    input.sample = 0.5;
    struct prediction drawn = predict(&input, 4);
    double all = classes[0], one = 0.5 * all + 5, four = 0.5 * all + 20;
    double embedding = input.embedding, exchanged = (double)input.exchanged_weights;
    near(predict(&input, 1).step, 4 * (0.1 + 0.02 * four / one + 0.2) +
                                      0.03 * (exchanged + four * embedding) / (exchanged + one * embedding));
    near(drawn.exchange - full.exchange, 1e-3 + 3 * 10 * 16 / 1e8);
    input.sample = 1;
    near(predict(&input, 4).step, full.step);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_worker_is_what_was_measured),
        cmocka_unit_test(drawn_classes_are_counted),
        cmocka_unit_test(two_workers),
        cmocka_unit_test(two_rounds_and_a_single_owner),
        cmocka_unit_test(datasets_apart),
        cmocka_unit_test(slow_network_is_told),
        cmocka_unit_test(few_images_make_no_step),
    };
    return cmocka_run_group_tests_name("daemon_prediction", tests, NULL, NULL);
}
