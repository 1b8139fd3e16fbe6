/* Class rows when the identity groups change. */
#include "worker/discovery/regroup.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { DIMENSION = 2, DATASETS = 3, CLASSES = 2 };

struct fixture {
    struct exchange *exchange;
    struct identity_groups *before, *after;
    struct parameter parameter;
    struct parameter_group rows[DATASETS];
    float weight[DATASETS][CLASSES * DIMENSION], momentum[DATASETS][CLASSES * DIMENSION];
};

/* Classes 0 and 1 are the first dataset's, 2 and 3 the second's, 4 and 5 the third's. */
static void make(struct fixture *fixture)
{
    static const uint32_t classes[DATASETS] = {CLASSES, CLASSES, CLASSES};
    static const float weight[DATASETS][4] = {{3, 0, 0.1f, 0.7f}, {0, 1, 5, 5}, {4, 3, -0.3f, 0.9f}};
    static const float momentum[DATASETS][4] = {{1, 2, 0.5f, 0}, {3, 6, 7, 8}, {-1, 4, 0, 0.25f}};
    struct error error;
    *fixture = (struct fixture){.parameter = {.shape = {CLASSES, DIMENSION}}};
    memcpy(fixture->weight, weight, sizeof weight);
    memcpy(fixture->momentum, momentum, sizeof momentum);
    assert_int_equal(exchange_local_create(&fixture->exchange, &error), STATUS_OK);
    assert_int_equal(identity_groups_create(classes, DATASETS, &fixture->before, &error), STATUS_OK);
    assert_int_equal(identity_groups_create(classes, DATASETS, &fixture->after, &error), STATUS_OK);
    for (size_t k = 0; k < DATASETS; k++) {
        fixture->rows[k] = (struct parameter_group){.owned_rows = true,
                                                    .parameters = &fixture->parameter,
                                                    .parameter_count = 1,
                                                    .count = CLASSES * DIMENSION,
                                                    .weight = fixture->weight[k],
                                                    .momentum = fixture->momentum[k],
                                                    .rows = {.end = CLASSES, .all = CLASSES, .parts = 1}};
    }
}

static void drop(struct fixture *fixture)
{
    identity_groups_free(fixture->before);
    identity_groups_free(fixture->after);
    fixture->exchange->operations->close(fixture->exchange);
}

static void regroup(struct fixture *fixture)
{
    struct error error;
    assert_int_equal(regroup_rows(fixture->rows, fixture->exchange, fixture->before, fixture->after, &error),
                     STATUS_OK);
}

static void is_row(const float *row, double x, double y)
{
    assert_true(fabs((double)row[0] - x) < 1e-6 && fabs((double)row[1] - y) < 1e-6);
}

static void a_new_group_begins_with_its_members(void **state)
{
    struct fixture fixture;
    (void)state;
    make(&fixture);
    assert_true(identity_groups_join(fixture.after, 0, 2, NULL));
    regroup(&fixture);
    /* Directions (1, 0) and (0, 1), lengths 3 and 1. */
    is_row(fixture.weight[0], sqrt(2), sqrt(2));
    is_row(fixture.momentum[0], 2, 4);
    assert_true(fixture.weight[0][2] == 0.1f && fixture.weight[0][3] == 0.7f && fixture.weight[2][0] == 4);
    const struct regroup_counts counts = regroup_count(fixture.before, fixture.after);
    assert_true(counts.joined == 1 && counts.parted == 0);
    drop(&fixture);
}

/* A class that joins a group brings its own row, the others the one that they shared. */
static void a_group_that_grows_counts_its_classes(void **state)
{
    struct fixture fixture;
    (void)state;
    make(&fixture);
    assert_true(identity_groups_join(fixture.before, 0, 2, NULL));
    assert_true(identity_groups_join(fixture.after, 0, 2, NULL));
    assert_true(identity_groups_join(fixture.after, 0, 4, NULL));
    regroup(&fixture);
    /* Twice (1, 0) of length 3 and once (0.8, 0.6) of length 5. */
    const double length = sqrt(2.8 * 2.8 + 0.6 * 0.6);
    is_row(fixture.weight[0], 2.8 / length * 11 / 3, 0.6 / length * 11 / 3);
    is_row(fixture.momentum[0], 1.0 / 3, 8.0 / 3);
    drop(&fixture);
}

static void who_is_alone_again_keeps_what_was_shared(void **state)
{
    struct fixture fixture;
    (void)state;
    make(&fixture);
    assert_true(identity_groups_join(fixture.before, 0, 3, NULL));
    assert_true(identity_groups_join(fixture.before, 0, 5, NULL));
    regroup(&fixture);
    is_row(fixture.weight[0], 3, 0);
    is_row(fixture.weight[1] + 2, 3, 0);
    is_row(fixture.weight[2] + 2, 3, 0);
    is_row(fixture.momentum[1] + 2, 1, 2);
    is_row(fixture.weight[1], 0, 1);
    const struct regroup_counts counts = regroup_count(fixture.before, fixture.after);
    assert_true(counts.joined == 0 && counts.parted == 3);
    drop(&fixture);
}

static void what_stays_keeps_its_bits(void **state)
{
    struct fixture fixture, old;
    (void)state;
    make(&fixture);
    assert_true(identity_groups_join(fixture.before, 1, 5, NULL));
    assert_true(identity_groups_join(fixture.after, 1, 5, NULL));
    old = fixture;
    regroup(&fixture);
    assert_memory_equal(fixture.weight, old.weight, sizeof old.weight);
    assert_memory_equal(fixture.momentum, old.momentum, sizeof old.momentum);
    drop(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_group_begins_with_its_members),
        cmocka_unit_test(a_group_that_grows_counts_its_classes),
        cmocka_unit_test(who_is_alone_again_keeps_what_was_shared),
        cmocka_unit_test(what_stays_keeps_its_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
