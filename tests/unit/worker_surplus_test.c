/* Pairs by the surplus of likely pairs over those of mirror images. */
#include "worker/discovery/surplus.h"

#include "proto/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { DIMENSION = 24, CLASSES = 200, SHARED = 120 };

struct fixture {
    uint64_t first[3];
    struct centre_space space;
    float *rows;
    struct neighbour_lists lists;
    struct judgement judgement;
};

static float draw(uint64_t what, uint64_t of, uint64_t place)
{
    struct random random = random_stream(11, RANDOM_SYNTH, what << 32 | of, place);
    return random_normal(&random);
}

/* Two datasets, of which the first `shared` classes are the same people, more or less alike; the judge is sure of the
 * first `sure` of them. */
static void make(struct fixture *fixture, uint32_t shared, uint32_t sure)
{
    double sums[2 * DIMENSION] = {0};
    uint64_t counts[2] = {0}, broken;
    struct error error;
    *fixture = (struct fixture){.first = {0, CLASSES, 2 * CLASSES}};
    fixture->space = (struct centre_space){2, fixture->first, DIMENSION};
    fixture->rows = malloc(2 * CLASSES * DIMENSION * sizeof *fixture->rows);
    for (uint32_t c = 0; c < 2 * CLASSES; c++) {
        const uint32_t label = c % CLASSES, person = label < shared ? label : 1000 + c;
        for (uint32_t d = 0; d < DIMENSION; d++) {
            fixture->rows[c * DIMENSION + d] =
                draw(1, person, d) + 0.6f * draw(2, c, d) + 3 * draw(3, c / CLASSES, d);
        }
    }
    struct centre_block block = {.rows = fixture->rows, .begin = 0, .count = 2 * CLASSES};
    assert_true(centre_add_to_sums(&fixture->space, &block, sums, counts, &broken));
    centre_prepare(&fixture->space, sums, counts, &block, 1);
    assert_int_equal(neighbour_lists_create(&fixture->space, 0, 2 * CLASSES, &fixture->lists, &error),
                     STATUS_OK);
    assert_int_equal(neighbour_offer(&fixture->lists, &block, &block, 1, &error), STATUS_OK);
    fixture->judgement.pairs = calloc(sure + 1, sizeof *fixture->judgement.pairs);
    fixture->judgement.count = sure;
    fixture->judgement.known = sure > 0;
    for (uint32_t i = 0; i < sure; i++) {
        fixture->judgement.pairs[i] = (struct judge_pair){.class = {i, CLASSES + i}, .probability = 0.9f};
    }
}

static void drop(struct fixture *fixture)
{
    neighbour_lists_free(&fixture->lists);
    judgement_free(&fixture->judgement);
    free(fixture->rows);
}

/* Of the likely pairs: how many, how many are right, and how many are expected to be. */
static void count(const struct fixture *fixture, size_t *pairs, size_t *right, double *expected)
{
    *pairs = *right = 0;
    *expected = 0;
    for (size_t i = 0; i < fixture->judgement.count; i++) {
        const struct judge_pair *pair = &fixture->judgement.pairs[i];
        assert_true(i == 0 || pair->probability <= fixture->judgement.pairs[i - 1].probability);
        if (pair->probability >= 0.5f) {
            ++*pairs;
            *right += pair->class[0] + CLASSES == pair->class[1] && pair->class[0] < SHARED;
            *expected += (double)pair->probability;
        }
    }
}

static void finds_more_than_the_judge_is_sure_of(void **state)
{
    struct fixture fixture;
    struct error error;
    size_t pairs, right;
    double expected;
    (void)state;
    make(&fixture, SHARED, SHARED / 2);
    assert_int_equal(surplus_add(&fixture.lists, 1, &fixture.judgement, &error), STATUS_OK);
    count(&fixture, &pairs, &right, &expected);
    print_message("%zu likely pairs, %zu right, %.1f expected\n", pairs, right, expected);
    assert_true(right > SHARED * 3 / 4);
    assert_true(right * 10 >= pairs * 8);
    assert_true(expected > 0.8 * (double)right && expected < 1.2 * (double)right);
    drop(&fixture);
}

static void takes_the_place_of_a_judgement_that_knows_nothing(void **state)
{
    struct fixture fixture;
    struct error error;
    size_t pairs, right;
    double expected;
    (void)state;
    make(&fixture, SHARED, 1);
    fixture.judgement.known = false;
    fixture.judgement.reason = "for the test";
    fixture.judgement.pairs[0] = (struct judge_pair){.class = {3, CLASSES + 4}, .probability = 1};
    assert_int_equal(surplus_add(&fixture.lists, 1, &fixture.judgement, &error), STATUS_OK);
    count(&fixture, &pairs, &right, &expected);
    print_message("%zu likely pairs, %zu right\n", pairs, right);
    assert_true(fixture.judgement.known && !fixture.judgement.reason);
    assert_true(right > SHARED / 2 && right * 10 >= pairs * 8);
    for (size_t i = 0; i < fixture.judgement.count; i++) {
        const struct judge_pair *pair = &fixture.judgement.pairs[i];
        assert_false(pair->class[0] == 3 && pair->class[1] == CLASSES + 4);
    }
    drop(&fixture);
}

static void finds_nobody_where_nobody_is_shared(void **state)
{
    struct fixture fixture;
    struct error error;
    (void)state;
    make(&fixture, 0, 0);
    assert_int_equal(surplus_add(&fixture.lists, 1, &fixture.judgement, &error), STATUS_OK);
    assert_int_equal(fixture.judgement.count, 0);
    assert_false(fixture.judgement.known);
    drop(&fixture);
}

static void keeps_what_the_judge_has(void **state)
{
    struct fixture fixture;
    struct error error;
    (void)state;
    make(&fixture, 0, 5);
    assert_int_equal(surplus_add(&fixture.lists, 1, &fixture.judgement, &error), STATUS_OK);
    size_t kept = 0;
    for (size_t i = 0; i < fixture.judgement.count; i++) {
        const struct judge_pair *pair = &fixture.judgement.pairs[i];
        kept += pair->class[0] < 5 && pair->class[1] == CLASSES + pair->class[0] && pair->probability >= 0.9f;
    }
    assert_int_equal(kept, 5);
    drop(&fixture);
}

/* --- Many datasets --- */

enum { MOST_DATASETS = 12, MOST_CLASSES = 700 };

struct wide {
    uint64_t first[MOST_DATASETS + 1];
    struct centre_space space;
    uint32_t person[MOST_CLASSES];
    float *rows;
    struct neighbour_lists lists;
    struct judgement judgement;
};

/* Centres of people who look as their kind, `alike` strong, as themselves, and as their few images made it. */
static void make_wide(struct wide *wide, const uint32_t *classes, size_t datasets, float alike, float noise)
{
    double sums[MOST_DATASETS * DIMENSION] = {0};
    uint64_t counts[MOST_DATASETS] = {0}, broken;
    struct error error;
    for (size_t k = 0; k < datasets; k++) {
        wide->first[k + 1] = wide->first[k] + classes[k];
    }
    wide->space = (struct centre_space){datasets, wide->first, DIMENSION};
    const uint32_t all = (uint32_t)wide->first[datasets];
    wide->rows = malloc(all * DIMENSION * sizeof *wide->rows);
    for (uint32_t c = 0; c < all; c++) {
        const uint32_t person = wide->person[c], kind = person % 97 % 11 * person % 53;
        /* Of few images, of many. */
        const float images = noise * (c % 3 == 0 ? 1.6f : 0.9f);
        for (uint32_t d = 0; d < DIMENSION; d++) {
            wide->rows[c * DIMENSION + d] = alike * fabsf(draw(4, kind, d)) + draw(5, person, d) +
                                            images * draw(6, c, d) +
                                            2 * draw(7, centre_dataset(&wide->space, c), d);
        }
    }
    struct centre_block block = {.rows = wide->rows, .begin = 0, .count = all};
    assert_true(centre_add_to_sums(&wide->space, &block, sums, counts, &broken));
    centre_prepare(&wide->space, sums, counts, &block, 1);
    assert_int_equal(neighbour_lists_create(&wide->space, 0, all, &wide->lists, &error), STATUS_OK);
    assert_int_equal(neighbour_offer(&wide->lists, &block, &block, 1, &error), STATUS_OK);
    assert_int_equal(surplus_add(&wide->lists, 1, &wide->judgement, &error), STATUS_OK);
}

static void drop_wide(struct wide *wide)
{
    neighbour_lists_free(&wide->lists);
    judgement_free(&wide->judgement);
    free(wide->rows);
}

/* Of the likely pairs: how many, and how many of them are right. */
static size_t count_wide(const struct wide *wide, size_t *right)
{
    size_t pairs = 0;
    *right = 0;
    for (size_t i = 0; i < wide->judgement.count; i++) {
        const struct judge_pair *pair = &wide->judgement.pairs[i];
        if (pair->probability >= 0.5f) {
            pairs++;
            *right += wide->person[pair->class[0]] == wide->person[pair->class[1]];
        }
    }
    return pairs;
}

/* As real faces are: one large dataset and smaller ones, kinds of look-alikes on one side of the mean, few images; hardly
 * anybody is shared. */
static void look_alikes_are_nobodys_pairs(void **state)
{
    static const uint32_t classes[] = {120, 120, 380, 40, 12};
    struct wide wide;
    size_t right;
    (void)state;
    memset(&wide, 0, sizeof wide);
    for (uint32_t c = 0; c < 672; c++) {
        wide.person[c] = c;
    }
    for (uint32_t c = 0; c < 5; c++) {
        wide.person[240 + c] = c;
    }
    make_wide(&wide, classes, 5, 2.2f, 0.7f);
    const size_t pairs = count_wide(&wide, &right);
    print_message("%zu likely pairs, %zu right, of 5\n", pairs, right);
    assert_true(pairs <= right + 5);
    drop_wide(&wide);
}

/* Where ten third datasets help, most of the right pairs are among the many that do not stand out by themselves. */
static void third_datasets_help_to_four_pairs_for_one(void **state)
{
    static const uint32_t classes[] = {40, 40, 40, 40, 40, 40, 40, 40, 40, 40, 40, 40};
    struct wide wide;
    size_t right;
    (void)state;
    memset(&wide, 0, sizeof wide);
    for (uint32_t c = 0; c < 480; c++) {
        wide.person[c] = c % 40 < 32 ? c % 40 : 1000 + c;
    }
    make_wide(&wide, classes, 12, 0, 1.1f);
    const size_t pairs = count_wide(&wide, &right);
    print_message("%zu likely pairs, %zu right, of %d\n", pairs, right, 66 * 32);
    assert_true(right > 600 && 2 * right > pairs);
    drop_wide(&wide);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_more_than_the_judge_is_sure_of),
        cmocka_unit_test(takes_the_place_of_a_judgement_that_knows_nothing),
        cmocka_unit_test(finds_nobody_where_nobody_is_shared),
        cmocka_unit_test(keeps_what_the_judge_has),
        cmocka_unit_test(look_alikes_are_nobodys_pairs),
        cmocka_unit_test(third_datasets_help_to_four_pairs_for_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
