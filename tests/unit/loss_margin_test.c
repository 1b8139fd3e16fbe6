#include "worker/loss/margin.h"

#include "tests/unit/golden.h"

static const double pi = 3.14159265358979323846;

static const struct margin margins[] = {{1, 0, 0},        {1.35, 0, 0},    {1, 0.5, 0}, {1, 0, 0.35},
                                        {0.9, 0.4, 0.15}, {2.5, 0.7, 0.1}, {4, 0, 0}};
#define MARGINS (sizeof margins / sizeof margins[0])

/* Before pi it is the plain formula. */
static void is_the_formula_before_pi(void **state)
{
    (void)state;
    for (size_t m = 0; m < MARGINS; m++) {
        for (double cosine = -0.99; cosine < 1; cosine += 0.01) {
            double angle = margins[m].m1 * acos(cosine) + margins[m].m2;
            if (angle < pi) {
                assert_near(margin_forward(&margins[m], cosine), cos(angle) - margins[m].m3, 1e-12);
            }
        }
    }
}

/* A larger cosine is always worth more, also where the margin carries the angle past pi, 2 pi, ... */
static void grows_with_the_cosine(void **state)
{
    (void)state;
    for (size_t m = 0; m < MARGINS; m++) {
        double before = margin_forward(&margins[m], -1);
        for (double cosine = -0.9999; cosine < 0.9999; cosine += 1e-4) {
            double now = margin_forward(&margins[m], cosine);
            assert_true(now > before);
            assert_true(now - before < 0.2); /* no jump where the branches meet */
            before = now;
        }
    }
}

static void derivative_is_that_of_finite_differences(void **state)
{
    (void)state;
    const double h = 1e-6;
    for (size_t m = 0; m < MARGINS; m++) {
        for (double cosine = -0.999; cosine < 0.9995; cosine += 0.0037) {
            double numeric =
                (margin_forward(&margins[m], cosine + h) - margin_forward(&margins[m], cosine - h)) / (2 * h);
            double exact = margin_backward(&margins[m], cosine);
            assert_true(fabs(exact - numeric) <= 1e-5 * (1 + fabs(exact)));
        }
    }
}

/* n = floor(angle / pi) of 2.5 t + 0.7 at t = 3 is 2: cos(8.2) - 4 - 0.1. */
static void continues_beyond_pi(void **state)
{
    (void)state;
    assert_near(margin_forward(&margins[5], cos(3.0)), cos(8.2) - 4 - 0.1, 1e-9);
    assert_near(margin_forward(&margins[5], cos(2.0)), -cos(5.7) - 2 - 0.1, 1e-9);
}

static void holds_at_the_ends(void **state)
{
    (void)state;
    for (size_t m = 0; m < MARGINS; m++) {
        assert_true(isfinite(margin_forward(&margins[m], 1.0)));
        assert_true(isfinite(margin_forward(&margins[m], -1.0)));
        assert_true(margin_backward(&margins[m], 1.0) == 0);
        assert_true(margin_backward(&margins[m], -1.0 - 1e-6) == 0);
        assert_true(margin_forward(&margins[m], 1.0) == margin_forward(&margins[m], 1.0 - MARGIN_CLAMP));
        assert_true(margin_backward(&margins[m], 1.0 - 2 * MARGIN_CLAMP) > 0);
    }
    assert_true(isnan(margin_forward(&margins[2], (double)NAN)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_the_formula_before_pi),
        cmocka_unit_test(grows_with_the_cosine),
        cmocka_unit_test(derivative_is_that_of_finite_differences),
        cmocka_unit_test(continues_beyond_pi),
        cmocka_unit_test(holds_at_the_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
