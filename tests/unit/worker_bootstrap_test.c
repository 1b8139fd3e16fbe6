/* Who is in pairs, how often they are drawn, and the intervals of what comes of it. */
#include "worker/evaluate/bootstrap.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* Images 0 and 1 are one person's by a pair, 2 is 1 to the byte, 3 shares its length alone, 4 is in no pair. */
static void finds_people_by_pairs_and_images(void **state)
{
    (void)state;
    uint8_t bytes[] = {7, 7, 1, 2, 1, 2, 1, 3, 9, 9}, same[] = {1, 0, 0};
    uint64_t offset[] = {0, 2, 4, 6, 8, 10};
    uint32_t crc[] = {5, 6, 6, 6, 8}, pair[] = {0, 1, 0, 3, 2, 3};
    struct pairs pairs = {.images = 5,
                          .bytes = 10,
                          .image = bytes,
                          .offset = offset,
                          .crc = crc,
                          .count = 3,
                          .pair = pair,
                          .same = same};
    struct people people;
    assert_int_equal(people_of_set(&pairs, &people, NULL), STATUS_OK);
    assert_int_equal(people.count, 2);
    const uint32_t expected[] = {0, 0, 0, 1, PEOPLE_NONE};
    assert_memory_equal(people.of, expected, sizeof expected);

    uint32_t weight[3];
    const uint32_t times[] = {3, 2};
    bootstrap_weigh(&people, times, pair, 3, weight);
    assert_int_equal(weight[0], 3); /* of one person */
    assert_int_equal(weight[1], 6);
    assert_int_equal(weight[2], 6);
    people_free(&people);

    same[0] = 0; /* now nothing joins 0 */
    assert_int_equal(people_of_set(&pairs, &people, NULL), STATUS_OK);
    assert_int_equal(people.count, 3);
    assert_int_equal(people.of[1], people.of[2]);
    people_free(&people);
}

static void draws_as_many_as_there_are(void **state)
{
    (void)state;
    enum { PEOPLE = 50, DRAWS = 400 };
    uint32_t times[PEOPLE], again[PEOPLE], total[PEOPLE] = {0};
    for (size_t draw = 0; draw < DRAWS; draw++) {
        uint32_t sum = 0;
        bootstrap_draw(3, draw, PEOPLE, times);
        for (size_t i = 0; i < PEOPLE; i++) {
            sum += times[i];
            total[i] += times[i];
        }
        assert_int_equal(sum, PEOPLE);
    }
    bootstrap_draw(3, DRAWS - 1, PEOPLE, again);
    assert_memory_equal(times, again, sizeof times);
    bootstrap_draw(4, DRAWS - 1, PEOPLE, again);
    assert_memory_not_equal(times, again, sizeof times);
    for (size_t i = 0; i < PEOPLE; i++) { /* 400 of a variance of 1 each: six deviations */
        assert_true(total[i] > DRAWS - 120 && total[i] < DRAWS + 120);
    }
}

static void takes_the_middle_of_the_draws(void **state)
{
    (void)state;
    double values[1003];
    for (int i = 0; i <= 1000; i++) {
        values[i] = 1000 - i;
    }
    values[1001] = NAN;
    values[1002] = INFINITY;
    struct interval interval = bootstrap_interval(values, 1003);
    assert_true(interval.low == 25 && interval.high == 975);
    double two[] = {2, 1};
    interval = bootstrap_interval(two, 2);
    assert_true(fabs(interval.low - 1.025) < 1e-12 && fabs(interval.high - 1.975) < 1e-12);
    assert_true(isnan(bootstrap_interval(two, 0).low));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(finds_people_by_pairs_and_images),
                                       cmocka_unit_test(draws_as_many_as_there_are),
                                       cmocka_unit_test(takes_the_middle_of_the_draws)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
