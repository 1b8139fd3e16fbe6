/* Two groups of pairs, made by known normal draws: found again, and their pairs told apart. */
#include "worker/evaluate/overlap_groups.h"

#include "proto/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define CLOSE(a, b, tolerance) assert_true(fabs((double)(a) - (b)) <= (tolerance))

enum { LOWER = 3000, UPPER = 1000, ONE_WAY = 500 };

static const double mean[2][2] = {{0.5, 0.1}, {0.8, 0.35}};
static const double spread[2] = {0.07, 0.06};

static struct overlap_pair draw(struct random *random, int group)
{
    return (struct overlap_pair){.cosine =
                                     (float)(mean[group][0] + spread[0] * (double)random_normal(random)),
                                 .lead = (float)(mean[group][1] + spread[1] * (double)random_normal(random)),
                                 .mutual = true};
}

/* The lower group's come first; at the end pairs that are not mutual and would disturb both. */
static struct overlap_pair *make_pairs(size_t lower, size_t upper, size_t one_way)
{
    struct random random = random_stream(1, RANDOM_PACK, 0, 0);
    struct overlap_pair *pairs = malloc((lower + upper + one_way) * sizeof *pairs);
    assert_non_null(pairs);
    for (size_t i = 0; i < lower + upper; i++) {
        pairs[i] = draw(&random, i >= lower);
    }
    for (size_t i = lower + upper; i < lower + upper + one_way; i++) {
        pairs[i] = (struct overlap_pair){.cosine = -0.5f, .lead = 1.5f};
    }
    return pairs;
}

static void test_known_groups(void **state)
{
    (void)state;
    struct overlap_pair *pairs = make_pairs(LOWER, UPPER, ONE_WAY);
    struct overlap_groups groups;
    double expected = 0, right = 0, found = 0;
    assert_int_equal(overlap_groups_fit(pairs, LOWER + UPPER + ONE_WAY, &groups, NULL), STATUS_OK);
    CLOSE(groups.share, 0.25, 0.01);
    for (int g = 0; g < 2; g++) {
        for (int f = 0; f < 2; f++) {
            CLOSE(groups.mean[g][f], mean[g][f], 0.01);
        }
    }
    CLOSE(sqrt(groups.variance[0]), spread[0], 0.005);
    CLOSE(sqrt(groups.variance[1]), spread[1], 0.005);
    CLOSE(groups.apart, hypot(0.3 / 0.07, 0.25 / 0.06), 0.3);
    for (size_t i = 0; i < LOWER + UPPER; i++) {
        const double probability = overlap_groups_probability(&groups, &pairs[i]);
        if (probability >= 0.5) {
            expected += probability;
            right += i >= LOWER;
            found++;
        }
    }
    assert_true(right >= 0.99 * UPPER);
    CLOSE(right / found, expected / found, 0.01);
    free(pairs);
}

/* Few pairs, of which fewer are above, are still told apart. */
static void test_few(void **state)
{
    (void)state;
    struct overlap_pair *pairs = make_pairs(30, 4, 0);
    struct overlap_groups groups;
    assert_int_equal(overlap_groups_fit(pairs, 34, &groups, NULL), STATUS_OK);
    assert_true(groups.apart > OVERLAP_GROUPS_APART);
    for (size_t i = 0; i < 34; i++) {
        assert_int_equal(overlap_groups_probability(&groups, &pairs[i]) >= 0.5, i >= 30);
    }
    free(pairs);
}

/* What is nearer, or further ahead, is never less probable. */
static void test_monotone(void **state)
{
    (void)state;
    struct overlap_pair *pairs = make_pairs(LOWER, UPPER, 0);
    struct overlap_groups groups;
    assert_int_equal(overlap_groups_fit(pairs, LOWER + UPPER, &groups, NULL), STATUS_OK);
    for (float cosine = -1; cosine < 0.95f; cosine += 0.05f) {
        for (float lead = 0; lead < 1.95f; lead += 0.05f) {
            const struct overlap_pair pair = {.cosine = cosine, .lead = lead};
            const struct overlap_pair nearer = {.cosine = cosine + 0.05f, .lead = lead};
            const struct overlap_pair ahead = {.cosine = cosine, .lead = lead + 0.05f};
            const double probability = overlap_groups_probability(&groups, &pair);
            assert_true(probability >= 0 && probability <= 1);
            assert_true(overlap_groups_probability(&groups, &nearer) >= probability);
            assert_true(overlap_groups_probability(&groups, &ahead) >= probability);
        }
    }
    free(pairs);
}

static void test_refused(void **state)
{
    (void)state;
    struct overlap_pair *pairs = make_pairs(5, OVERLAP_GROUPS_LEAST - 6, ONE_WAY);
    struct overlap_groups groups;
    struct error error = {0};
    assert_int_equal(overlap_groups_fit(pairs, OVERLAP_GROUPS_LEAST - 1 + ONE_WAY, &groups, &error),
                     STATUS_DATA);
    assert_non_null(strstr(error.what, "9 pairs are too few"));
    free(pairs);
    struct overlap_pair alike[20];
    for (int i = 0; i < 20; i++) {
        alike[i] = (struct overlap_pair){.cosine = 0.5f, .lead = 0.1f, .mutual = true};
    }
    assert_int_equal(overlap_groups_fit(alike, 20, &groups, &error), STATUS_DATA);
    assert_int_equal(overlap_groups_fit(NULL, 0, &groups, &error), STATUS_DATA);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_groups),
        cmocka_unit_test(test_few),
        cmocka_unit_test(test_monotone),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
