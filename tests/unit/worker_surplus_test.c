/* Pairs by the surplus of likely pairs over those of mirror images. */
#include "worker/discovery/surplus.h"

#include "proto/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_more_than_the_judge_is_sure_of),
        cmocka_unit_test(takes_the_place_of_a_judgement_that_knows_nothing),
        cmocka_unit_test(finds_nobody_where_nobody_is_shared),
        cmocka_unit_test(keeps_what_the_judge_has),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
