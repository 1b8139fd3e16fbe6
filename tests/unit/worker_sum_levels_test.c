/* How workers stand together in sums: on hosts, and in numbers of all kinds. */
#include "worker/exchange/sum_levels.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void check_choice(int workers, int per_host, struct sum_levels expected)
{
    struct sum_levels levels = sum_levels_choose(workers, per_host);
    assert_int_equal(levels.count, expected.count);
    for (int l = 0; l < expected.count; l++) {
        assert_int_equal(levels.size[l], expected.size[l]);
    }
}

static void hosts_and_many_workers_make_levels(void **state)
{
    (void)state;
    check_choice(1, 1, (struct sum_levels){1, {1}});
    check_choice(1, 5, (struct sum_levels){1, {1}});
    check_choice(4, 4, (struct sum_levels){1, {4}}); /* all on one host */
    check_choice(7, 1, (struct sum_levels){1, {7}});
    check_choice(32, 1, (struct sum_levels){1, {32}});
    check_choice(32, 4, (struct sum_levels){2, {4, 8}});
    check_choice(24, 12,
                 (struct sum_levels){2, {4, 6}}); /* three of a host's fours stand in the second level */
    check_choice(9, 3, (struct sum_levels){1, {9}}); /* no power of two stands on a host */
    check_choice(64, 1, (struct sum_levels){2, {8, 8}});
    check_choice(40, 1, (struct sum_levels){2, {8, 5}});
    check_choice(96, 1, (struct sum_levels){2, {8, 12}});
    check_choice(1024, 1, (struct sum_levels){2, {32, 32}});
    check_choice(1024, 4, (struct sum_levels){3, {4, 16, 16}});
    check_choice(4096, 64, (struct sum_levels){3, {32, 8, 16}});
}

static void every_choice_is_valid(void **state)
{
    (void)state;
    int crowded = 0;
    for (int workers = 1; workers <= 2048; workers++) {
        for (int per_host = 1; per_host <= workers && per_host <= 128; per_host++) {
            struct sum_levels levels = sum_levels_choose(workers, per_host);
            assert_true(sum_levels_is_valid(&levels, workers));
            crowded += !sum_levels_are_small(&levels) && per_host == 1 && workers <= 64;
        }
    }
    assert_int_equal(crowded, 0);
    struct sum_levels prime = sum_levels_choose(127, 1), large = sum_levels_choose(1024, 1);
    assert_false(sum_levels_are_small(&prime));
    assert_true(sum_levels_are_small(&large));
}

static void what_is_no_arrangement_is_invalid(void **state)
{
    (void)state;
    const struct sum_levels wrong[] = {{0, {0}},    {1, {5}},    {2, {3, 2}},
                                       {2, {0, 6}}, {2, {2, 2}}, {2, {-2, -3}}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_false(sum_levels_is_valid(&wrong[i], 6));
    }
    struct sum_levels right = {2, {2, 3}}, many = {SUM_LEVELS_MAX + 1, {1, 2, 3}};
    assert_false(sum_levels_is_valid(&many, 6));
    assert_true(sum_levels_is_valid(&right, 6));
}

static void hosts_count_where_all_are_alike(void **state)
{
    (void)state;
    assert_int_equal(sum_levels_per_host((int[]){0, 0, 0, 0}, 4), 4);
    assert_int_equal(sum_levels_per_host((int[]){0, 1, 2, 3}, 4), 1);
    assert_int_equal(sum_levels_per_host((int[]){0, 0, 2, 2, 4, 4}, 6), 2);
    assert_int_equal(sum_levels_per_host((int[]){0, 0, 2, 2, 0, 0}, 6), 1); /* a host in two places */
    assert_int_equal(sum_levels_per_host((int[]){0, 0, 0, 3, 3}, 5), 1);
    assert_int_equal(sum_levels_per_host((int[]){0, 0, 2, 3, 4, 4}, 6), 1);
    assert_int_equal(sum_levels_per_host((int[]){0, 1, 0, 1}, 4), 1); /* dealt in turn */
    assert_int_equal(sum_levels_per_host((int[]){0, 0, 2, 2, 2, 2}, 6), 1);
    assert_int_equal(sum_levels_per_host((int[]){0}, 1), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hosts_and_many_workers_make_levels),
        cmocka_unit_test(every_choice_is_valid),
        cmocka_unit_test(what_is_no_arrangement_is_invalid),
        cmocka_unit_test(hosts_count_where_all_are_alike),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
