/* The figures of published protocols, on cases that can be told by hand. */
#include "worker/protocol/fairness.h"
#include "worker/protocol/identification.h"
#include "worker/protocol/operating.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define CLOSE(a, b, tolerance) assert_true(fabs((a) - (b)) <= (tolerance))

static const struct identification_question question = {.ranks = {1, 2, 5}, .rank_count = 3, .candidates = 1};

/* Ten strangers, of whom two have one score: at FPIR 0.1 one may be found, but of the two both would be. */
static void a_threshold_lets_no_more_strangers_pass(void **state)
{
    (void)state;
    struct identification_trial trials[] = {{0, 0, 0.95}, {0, 0, 0.9}, {1, 1, 0.99}, {1, 4, 0.2}};
    struct identification_stranger strangers[10] = {{2, 0.9}, {2, 0.9}};
    struct identification found = {
        .trials = trials, .strangers = strangers, .trial_count = 4, .stranger_count = 10, .people = 3};
    struct identification_figures figures;
    for (int i = 2; i < 10; i++) {
        strangers[i] = (struct identification_stranger){2, 0.5 - 0.01 * i};
    }
    identification_judge(&found, &question, NULL, &figures);
    CLOSE(figures.rank[0], 0.5, 0);
    CLOSE(figures.rank[1], 0.75, 0);
    CLOSE(figures.rank[2], 1, 0);
    assert_true(isnan(figures.fnir[0]) && isnan(figures.fnir[1])); /* ten strangers cannot tell 1e-2 */
    CLOSE(figures.threshold[2], 0.9, 0); /* above it nobody is */
    CLOSE(figures.fnir[2], 0.75, 0); /* found is 0.95 alone: 0.9 is not above, 0.99 is of rank 2 */

    const uint32_t times[] = {3, 1, 1};
    identification_judge(&found, &question, times, &figures);
    CLOSE(figures.rank[0], 0.75, 1e-12);
    CLOSE(figures.fnir[2], 1 - 3.0 / 8, 1e-12);

    strangers[1].score = 0.6; /* now one passes */
    identification_judge(&found, &question, NULL, &figures);
    CLOSE(figures.threshold[2], 0.6, 0);
    CLOSE(figures.fnir[2], 0.5, 0);

    double rate[5];
    identification_cmc(&found, 5, rate);
    const double expected[] = {0.5, 0.75, 0.75, 0.75, 1};
    for (int k = 0; k < 5; k++) {
        CLOSE(rate[k], expected[k], 1e-12);
    }
}

static void det_begins_without_and_ends_with_every_stranger(void **state)
{
    (void)state;
    struct identification_trial trials[] = {{0, 0, 0.7}, {0, 0, 0.4}, {0, 3, 0.1}};
    struct identification_stranger strangers[] = {{1, 0.8}, {1, 0.5}, {1, 0.5}};
    const struct identification found = {
        .trials = trials, .strangers = strangers, .trial_count = 3, .stranger_count = 3, .people = 2};
    double fpir[4], fnir[4], threshold[4];
    assert_int_equal(identification_det(&found, &question, fpir, fnir, threshold, NULL), 3);
    const double at[] = {0, 1.0 / 3, 1}, missed[] = {1, 2.0 / 3, 1.0 / 3};
    for (int i = 0; i < 3; i++) {
        CLOSE(fpir[i], at[i], 1e-12);
        CLOSE(fnir[i], missed[i], 1e-12);
    }
    assert_true(threshold[0] == 0.8 && threshold[1] == 0.5 && isinf(threshold[2]));
}

/* Scores that tie are one point of the curve: at FAR 0.1 of ten pairs one may pass, and two are tied. */
static void ties_are_accepted_together_or_not_at_all(void **state)
{
    (void)state;
    const double score[] = {0.9, 0.8, 0.8, 0.8, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1};
    const uint8_t same[] = {1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    uint32_t pair[24];
    for (uint32_t i = 0; i < 24; i++) {
        pair[i] = i;
    }
    const struct bootstrap none = {.draws = 0};
    struct operating result;
    assert_int_equal(operating_judge(score, same, pair, 12, 24, &none, &result, NULL), STATUS_OK);
    CLOSE(result.figure[OPERATING_TAR + 5], 0.5, 0);
    CLOSE(result.threshold[5], 0.9, 0);
    assert_true(isnan(result.figure[OPERATING_TAR + 4]));
    CLOSE(result.figure[OPERATING_AUC], 0.95, 1e-12);
    CLOSE(result.figure[OPERATING_EER], 1.0 / 7, 1e-12); /* between (0, 0.5) and (0.2, 1) */
    assert_int_equal(result.people, 0);

    struct error error;
    assert_int_equal(operating_judge(score + 2, same + 2, pair, 10, 24, &none, &result, &error), STATUS_DATA);
    assert_non_null(strstr(error.what, "different people"));
}

/* ArcFace on RFW as its authors report it: mean 94.64, deviation 1.11, skewed error ratio 1.65, of rounded accuracies. */
static void fairness_is_the_papers(void **state)
{
    (void)state;
    const double accuracy[] = {0.9618, 0.9467, 0.9372, 0.9398};
    double first[] = {0.9, 0.8}, second[] = {0.8, 0.8}, third[] = {0.7, NAN}, fourth[] = {0.8, 1};
    const double *const drawn[] = {first, second, third, fourth};
    struct fairness fairness;
    assert_int_equal(fairness_judge(accuracy, drawn, 4, 2, &fairness, NULL), STATUS_OK);
    CLOSE(fairness.figure[FAIRNESS_MEAN], 0.9464, 5e-5);
    CLOSE(fairness.figure[FAIRNESS_STD], 0.0111, 1e-4);
    CLOSE(fairness.figure[FAIRNESS_SKEW], 1.65, 0.01);
    CLOSE(fairness.interval[FAIRNESS_SKEW].low, 3, 1e-9); /* of the first draw alone */
    CLOSE(fairness.interval[FAIRNESS_MEAN].high, 0.8, 1e-9);
    const double perfect[] = {1, 0.5};
    assert_int_equal(fairness_judge(perfect, drawn, 2, 0, &fairness, NULL), STATUS_OK);
    assert_true(isnan(fairness.figure[FAIRNESS_SKEW]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_threshold_lets_no_more_strangers_pass),
                                       cmocka_unit_test(det_begins_without_and_ends_with_every_stranger),
                                       cmocka_unit_test(ties_are_accepted_together_or_not_at_all),
                                       cmocka_unit_test(fairness_is_the_papers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
