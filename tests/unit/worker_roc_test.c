/* ROC curves of a few pairs, counted by hand. */
#include "worker/evaluate/roc.h"

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

/* Of many points those that lie apart are drawn, from the first rate above 0 to the end. */
static void test_drawn_points_lie_apart(void **state)
{
    (void)state;
    enum { PAIRS = 20000 };
    static double distances[PAIRS], far[PAIRS + 1], tar[PAIRS + 1];
    static uint8_t same[PAIRS];
    struct roc roc;
    for (int i = 0; i < PAIRS; i++) {
        distances[i] = i;
        same[i] = i % 2 == 0;
    }
    assert_int_equal(roc_make(distances, same, PAIRS, &roc, NULL), STATUS_OK);
    size_t count = roc_drawn(&roc, far, tar);
    assert_true(count > 100 && count < 1000);
    assert_true(far[0] == 1.0 / (PAIRS / 2) && far[count - 1] == 1 && tar[count - 1] == 1);
    for (size_t i = 1; i < count; i++) {
        assert_true(far[i] >= far[i - 1] && tar[i] >= tar[i - 1]);
        /* No two neighbours lie further apart than the curve itself has points, and the rule says. */
        assert_true(tar[i] - tar[i - 1] <= 0.0021);
    }
    roc_free(&roc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_points_in_order_of_thresholds),
        cmocka_unit_test(test_one_kind_alone_has_no_curve),
        cmocka_unit_test(test_drawn_points_lie_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
