/* Lanes dealt to workers: every lane once, as evenly as they go, every round the last one for all. */
#include "worker/exchange/lane_share.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { LANES_MAX = 70 };

static void test_each_lane_has_one_worker(void **state)
{
    (void)state;
    for (int lanes = 1; lanes <= LANES_MAX; lanes++) {
        for (int workers = 1; workers <= lanes; workers++) {
            int next = 0;
            for (int w = 0; w < workers; w++) {
                int count = lane_share_count(lanes, workers, w);
                assert_int_equal(lane_share_first(lanes, workers, w), next);
                assert_in_range(count, lanes / workers, (lanes + workers - 1) / workers);
                for (int i = 0; i < count; i++) {
                    assert_int_equal(lane_share_owner(lanes, workers, next + i), w);
                }
                next += count;
            }
            assert_int_equal(next, lanes);
        }
    }
}

static void test_rounds(void **state)
{
    (void)state;
    for (int lanes = 1; lanes <= LANES_MAX; lanes++) {
        for (int workers = 1; workers <= lanes; workers++) {
            int rounds = lane_share_rounds(lanes, workers);
            int trained = 0;
            for (int w = 0; w < workers; w++) {
                int due = lane_share_first(lanes, workers, w);
                assert_true(lane_share_lane(lanes, workers, w, rounds - 1) >= 0);
                for (int round = 0; round < rounds; round++) {
                    int lane = lane_share_lane(lanes, workers, w, round);
                    assert_true(lane == due || (lane == -1 && round == 0));
                    due += lane == due;
                    trained += lane >= 0;
                }
            }
            assert_int_equal(trained, lanes);
        }
    }
    assert_int_equal(lane_share_rounds(64, 7), 10);
}

static void test_workers_that_shorten_a_step(void **state)
{
    (void)state;
    for (int lanes = 1; lanes <= LANES_MAX; lanes++) {
        for (int most = 1; most <= LANES_MAX + 5; most++) {
            int workers = lane_share_workers(lanes, most);
            int rounds = lane_share_rounds(lanes, most < lanes ? most : lanes);
            assert_in_range(workers, 1, most < lanes ? most : lanes);
            assert_int_equal(lane_share_rounds(lanes, workers), rounds);
            assert_true(workers == 1 || lane_share_rounds(lanes, workers - 1) > rounds);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_each_lane_has_one_worker),
                                       cmocka_unit_test(test_rounds),
                                       cmocka_unit_test(test_workers_that_shorten_a_step)};
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
