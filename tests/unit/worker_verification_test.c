/* Verification scores against tests/oracle/make_verification.py. */
#include "worker/evaluate/verification.h"

#include "tests/oracle/verification.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define CLOSE(a, b, tolerance) assert_true(fabs((a) - (b)) <= (tolerance))

static void check(const struct verification *found, const double *expected)
{
    CLOSE(found->accuracy, expected[0], 1e-12);
    CLOSE(found->accuracy_std, expected[1], 1e-12);
    CLOSE(found->threshold, expected[2], 1e-12);
    CLOSE(found->auc, expected[3], 1e-12);
    for (int i = 0; i < 3; i++) {
        CLOSE(found->tar[i], expected[4 + i], 1e-12);
    }
}

/* `scale` must not matter: the sums are normalised. */
static float *sums_of(const int16_t *values, size_t count, float scale)
{
    float *sums = malloc(count * sizeof *sums);
    for (size_t i = 0; i < count; i++) {
        sums[i] = (float)values[i] * scale;
    }
    return sums;
}

static void test_contiguous_folds(void **state)
{
    (void)state;
    struct verification result;
    for (int power = -6; power <= 6; power += 6) {
        float *sum =
            sums_of(contiguous_sum, (size_t)contiguous_images * contiguous_embedding, ldexpf(1, power));
        assert_int_equal(verification_score(sum, contiguous_images, contiguous_embedding, 3.5,
                                            contiguous_pair, contiguous_same, contiguous_fold,
                                            contiguous_pairs, &result, NULL),
                         STATUS_OK);
        check(&result, contiguous_result);
        assert_int_equal(result.pairs, contiguous_pairs);
        CLOSE(result.norm, 3.5, 0);
        free(sum);
    }
}

static void test_own_folds(void **state)
{
    (void)state;
    struct verification result;
    uint8_t fold[own_pairs];
    float *sum = sums_of(own_sum, (size_t)own_images * own_embedding, 1);
    /* Numbers with holes mean the same folds. */
    for (int spread = 1; spread <= 3; spread++) {
        for (size_t i = 0; i < own_pairs; i++) {
            fold[i] = (uint8_t)(own_fold[i] * spread + spread - 1);
        }
        assert_int_equal(verification_score(sum, own_images, own_embedding, 1, own_pair, own_same, fold,
                                            own_pairs, &result, NULL),
                         STATUS_OK);
        check(&result, own_result);
    }
    free(sum);
}

/* Same pairs identical, different ones opposite: everything is right from the first threshold above 0 on. */
static void test_separable(void **state)
{
    (void)state;
    enum { PAIRS = 20002 };
    const float sum[4] = {1, 0, -1, 0};
    uint32_t *pair = calloc(2 * PAIRS, sizeof *pair);
    uint8_t *same = calloc(PAIRS, 1), *fold = calloc(PAIRS, 1);
    struct verification result;
    for (uint32_t i = 0; i < PAIRS; i++) {
        same[i] = i % 2 == 0;
        pair[2 * i + 1] = same[i] ? 0 : 1;
    }
    assert_int_equal(verification_score(sum, 2, 2, 1, pair, same, fold, PAIRS, &result, NULL), STATUS_OK);
    CLOSE(result.accuracy, 1, 0);
    CLOSE(result.accuracy_std, 0, 0);
    CLOSE(result.threshold, 0.01, 1e-15);
    CLOSE(result.auc, 1, 0);
    /* At distance 4 the different pairs are never accepted, so the false accept rate asked for is never
     * reached and the threshold is 0, at which nothing is accepted: as the field's program has it. */
    CLOSE(result.tar[2], 0, 0);
    free(pair);
    free(same);
    free(fold);
}

static void test_bad_sets(void **state)
{
    (void)state;
    const float sum[4] = {1, 0, 0, 1}, broken[4] = {1, 0, NAN, 1};
    uint32_t pair[40] = {0};
    uint8_t same[20] = {1}, fold[20] = {0};
    struct verification result;
    struct error error = {0};
    assert_int_equal(verification_score(sum, 2, 2, 1, pair, same, fold, 9, &result, &error), STATUS_DATA);
    assert_non_null(strstr(error.what, "9 pairs"));
    assert_int_equal(verification_score(sum, 2, 2, 1, pair, same, fold, 0, &result, &error), STATUS_DATA);
    assert_int_equal(verification_score(sum, 2, 2, 1, pair, same, fold, 10, &result, &error), STATUS_OK);
    CLOSE(result.tar[0], -1, 0);
    pair[7] = 2;
    assert_int_equal(verification_score(sum, 2, 2, 1, pair, same, fold, 10, &result, &error), STATUS_DATA);
    assert_non_null(strstr(error.what, "pair 3"));
    pair[7] = 1;
    assert_int_equal(verification_score(broken, 2, 2, 1, pair, same, fold, 10, &result, &error),
                     STATUS_NUMERIC);
    /* A fold of its own beside another one needs no ten. */
    fold[0] = 1;
    assert_int_equal(verification_score(sum, 2, 2, 1, pair, same, fold, 2, &result, &error), STATUS_OK);
    same[0] = 0; /* what would be measured on pairs of one kind alone is nothing */
    assert_int_equal(verification_score(sum, 2, 2, 1, pair, same, fold, 10, &result, &error), STATUS_DATA);
    assert_non_null(strstr(error.what, "all 10 pairs are of different people"));
}

static void knows_what_can_be_scored(void **state)
{
    (void)state;
    uint8_t same[10] = {1, 1, 1}, fold[10] = {0};
    struct error error;
    assert_int_equal(verification_check(same, fold, 10, &error), STATUS_OK);
    assert_int_equal(verification_check(same, fold, 9, &error), STATUS_DATA);
    assert_non_null(strstr(error.what, "9 pairs cannot be split in 10 folds"));
    fold[0] = 1; /* two folds of its own */
    assert_int_equal(verification_check(same, fold, 9, &error), STATUS_OK);
    assert_int_equal(verification_check(same, fold, 3, &error), STATUS_DATA);
    assert_non_null(strstr(error.what, "all 3 pairs are of the same person"));
    same[0] = same[1] = same[2] = 0;
    assert_int_equal(verification_check(same, fold, 10, &error), STATUS_DATA);
    assert_non_null(strstr(error.what, "all 10 pairs are of different people"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_contiguous_folds),    cmocka_unit_test(test_own_folds),
        cmocka_unit_test(test_separable),           cmocka_unit_test(test_bad_sets),
        cmocka_unit_test(knows_what_can_be_scored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
