/* ROC curves of a few pairs, counted by hand. */
#include "worker/roc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void expect(const struct roc *roc, size_t point, double far, double tar, double threshold)
{
    assert_true(point < roc->count);
    assert_true(roc->far[point] == far);
    assert_true(roc->tar[point] == tar);
    assert_true(roc->threshold[point] == threshold);
}

static void test_points_in_order_of_thresholds(void **state)
{
    (void)state;
    const double distances[] = {1.5, 0.25, 0.5, 2, 0.75, 0.5};
    const uint8_t same[] = {0, 1, 1, 0, 1, 0};
    struct roc roc;
    assert_int_equal(roc_make(distances, same, 6, &roc, NULL), STATUS_OK);
    assert_int_equal(roc.count, 6);
    expect(&roc, 0, 0, 0, 0);
    expect(&roc, 1, 0, 1 / 3.0, 0.25);
    /* A same and a different pair of one distance: nobody can accept but one of them. */
    expect(&roc, 2, 1 / 3.0, 2 / 3.0, 0.5);
    expect(&roc, 3, 1 / 3.0, 1, 0.75);
    expect(&roc, 4, 2 / 3.0, 1, 1.5);
    expect(&roc, 5, 1, 1, 2);
    roc_free(&roc);
}

static void test_one_kind_alone_has_no_curve(void **state)
{
    (void)state;
    const double distances[] = {1, 2};
    const uint8_t same[] = {1, 1}, different[] = {0, 0};
    struct roc roc;
    struct error error;
    assert_int_equal(roc_make(distances, same, 2, &roc, &error), STATUS_DATA);
    roc_free(&roc);
    assert_int_equal(roc_make(distances, different, 2, &roc, &error), STATUS_DATA);
    roc_free(&roc);
    assert_int_equal(roc_make(distances, same, 0, &roc, &error), STATUS_DATA);
    roc_free(&roc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_points_in_order_of_thresholds),
        cmocka_unit_test(test_one_kind_alone_has_no_curve),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
