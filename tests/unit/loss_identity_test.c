/* worker/loss/identity.h: joins at random against plain sets, what is refused, and what is no group. */
#include "worker/loss/identity.h"

#include "proto/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { DATASETS = 5, CLASSES = 60 };
static const uint32_t classes[DATASETS] = {20, 1, 17, 9, 13};

static struct identity_groups *create(void)
{
    struct identity_groups *groups;
    struct error error;
    assert_int_equal(identity_groups_create(classes, DATASETS, &groups, &error), STATUS_OK);
    return groups;
}

static size_t dataset_of(uint32_t class_index)
{
    size_t k = 0;
    for (uint32_t first = 0; class_index >= first + classes[k]; k++) {
        first += classes[k];
    }
    return k;
}

/* Whether two sets of classes, told by the number each class carries, have a dataset in common. */
static bool would_hold_twice(const uint32_t *number, uint32_t a, uint32_t b)
{
    for (uint32_t i = 0; i < CLASSES; i++) {
        for (uint32_t j = 0; j < CLASSES; j++) {
            if (number[i] == number[a] && number[j] == number[b] && dataset_of(i) == dataset_of(j)) {
                return true;
            }
        }
    }
    return false;
}

static void check_against_sets(const struct identity_groups *groups, const uint32_t *number)
{
    uint64_t shared = 0;
    assert_true(identity_groups_is_valid(groups));
    for (uint32_t i = 0; i < CLASSES; i++) {
        uint32_t home = 0;
        bool has[DATASETS] = {false};
        while (number[home] != number[i]) {
            home++;
        }
        for (uint32_t j = 0; j < CLASSES; j++) {
            has[dataset_of(j)] |= number[j] == number[i];
        }
        assert_int_equal(groups->home[i], home);
        assert_int_equal(identity_groups_dataset(groups, i), dataset_of(i));
        for (size_t k = 0; k < DATASETS; k++) {
            assert_int_equal(identity_groups_has(groups, i, k), has[k]);
        }
        shared += home != i;
    }
    assert_true(groups->shared == shared);
}

static void joins_as_sets_do(void **state)
{
    (void)state;
    struct random random = random_stream(11, RANDOM_SYNTH, 0, 0);
    int refused = 0;
    for (int round = 0; round < 20; round++) {
        struct identity_groups *groups = create();
        uint32_t number[CLASSES];
        for (uint32_t i = 0; i < CLASSES; i++) {
            number[i] = i;
        }
        for (int join = 0; join < 80; join++) {
            uint32_t a = (uint32_t)(random_uniform_double(&random) * CLASSES);
            uint32_t b = (uint32_t)(random_uniform_double(&random) * CLASSES);
            bool same = number[a] == number[b];
            bool wanted = same || !would_hold_twice(number, a, b);
            size_t twice = DATASETS;
            assert_int_equal(identity_groups_join(groups, a, b, &twice), wanted);
            assert_int_equal(twice < DATASETS, !wanted);
            refused += !wanted;
            uint32_t old = number[b];
            for (uint32_t i = 0; i < CLASSES && wanted; i++) {
                number[i] = number[i] == old ? number[a] : number[i];
            }
            check_against_sets(groups, number);
        }
        uint32_t home[CLASSES];
        memcpy(home, groups->home, sizeof home);
        struct identity_groups *again = create();
        assert_true(identity_groups_set(again, home));
        check_against_sets(again, number);
        identity_groups_free(again);
        identity_groups_free(groups);
    }
    assert_true(refused > 0);
}

static void homes_that_are_none(void **state)
{
    (void)state;
    struct identity_groups *groups = create();
    uint32_t home[CLASSES];
    const uint32_t wrong[][2] = {
        {0, 21}, /* a home behind its class */
        {30, 29}, /* of the same dataset */
        {40, CLASSES}, /* no class */
        {45, 20 + 2}, /* a home that has another's row itself */
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        for (uint32_t c = 0; c < CLASSES; c++) {
            home[c] = c;
        }
        home[22] = 3;
        assert_true(identity_groups_set(groups, home));
        assert_true(groups->shared == 1);
        home[wrong[i][0]] = wrong[i][1];
        assert_false(identity_groups_set(groups, home));
        assert_true(identity_groups_is_valid(groups) && groups->shared == 0);
    }
    identity_groups_free(groups);
}

static void damage_shows(void **state)
{
    (void)state;
    struct identity_groups *groups = create();
    assert_true(identity_groups_join(groups, 3, 22, NULL));
    assert_true(identity_groups_join(groups, 22, 50, NULL));
    assert_true(identity_groups_is_valid(groups));
    uint32_t *const places[] = {&groups->home[22], &groups->next[3], &groups->next[50], &groups->next[22]};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        uint32_t was = *places[i];
        *places[i] = i == 0 ? 22 : 4;
        assert_false(identity_groups_is_valid(groups));
        *places[i] = was;
    }
    groups->shared++;
    assert_false(identity_groups_is_valid(groups));
    identity_groups_free(groups);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(joins_as_sets_do),
        cmocka_unit_test(homes_that_are_none),
        cmocka_unit_test(damage_shows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
