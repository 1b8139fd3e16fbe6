/* Principal components of rows whose directions and variances are known. */
#include "worker/evaluate/projection.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define ROWS 400
#define WIDTH 7

/* Three waves that sum to nothing and are square to each other, with amplitudes 3, 2 and `third`, along
 * orthonormal directions, around a mean that is far away. */
static void make_rows(double third, float rows[ROWS][WIDTH], double first[ROWS], double second[ROWS])
{
    static const double direction[3][WIDTH] = {
        {0.6, 0, 0.8, 0, 0, 0, 0}, {0, 0.6, 0, 0, 0, -0.8, 0}, {0, 0, 0, 0, 1, 0, 0}};
    const double amplitude[3] = {3, 2, third};
    for (size_t i = 0; i < ROWS; i++) {
        double angle = 2 * M_PI * (double)i / ROWS;
        double wave[3] = {amplitude[0] * cos(3 * angle), amplitude[1] * sin(5 * angle),
                          amplitude[2] * cos(11 * angle)};
        first[i] = wave[0];
        second[i] = wave[1];
        for (size_t j = 0; j < WIDTH; j++) {
            double value = 5 + (double)j;
            for (size_t k = 0; k < 3; k++) {
                value += wave[k] * direction[k][j];
            }
            rows[i][j] = (float)value;
        }
    }
}

/* Equal up to the sign of the whole. */
static void assert_alike(const double *found, const double *expected)
{
    double sum = 0;
    for (size_t i = 0; i < ROWS; i++) {
        sum += found[i] * expected[i];
    }
    for (size_t i = 0; i < ROWS; i++) {
        assert_true(fabs((sum < 0 ? -found[i] : found[i]) - expected[i]) < 1e-3);
    }
}

static void test_the_two_largest_directions(void **state)
{
    (void)state;
    static float rows[ROWS][WIDTH];
    double first[ROWS], second[ROWS], x[ROWS], y[ROWS], share[2];
    make_rows(0.5, rows, first, second);
    assert_int_equal(projection_make(&rows[0][0], ROWS, WIDTH, x, y, share, NULL), STATUS_OK);
    assert_alike(x, first);
    assert_alike(y, second);
    assert_true(fabs(share[0] - 9 / 13.25) < 1e-5);
    assert_true(fabs(share[1] - 4 / 13.25) < 1e-5);
}

/* The second direction is found where the third has nearly its variance. */
static void test_directions_of_nearly_one_variance(void **state)
{
    (void)state;
    static float rows[ROWS][WIDTH];
    double first[ROWS], second[ROWS], x[ROWS], y[ROWS], share[2];
    make_rows(1.99, rows, first, second);
    assert_int_equal(projection_make(&rows[0][0], ROWS, WIDTH, x, y, share, NULL), STATUS_OK);
    assert_alike(x, first);
    assert_alike(y, second);
}

static void test_rows_without_variance(void **state)
{
    (void)state;
    float rows[3][WIDTH];
    double x[3], y[3], share[2];
    for (size_t i = 0; i < 3 * WIDTH; i++) {
        (&rows[0][0])[i] = 0.5f;
    }
    assert_int_equal(projection_make(&rows[0][0], 3, WIDTH, x, y, share, NULL), STATUS_OK);
    for (size_t i = 0; i < 3; i++) {
        assert_true(fabs(x[i]) < 1e-12 && fabs(y[i]) < 1e-12);
    }
    assert_true(share[0] == 0 && share[1] == 0);
    assert_int_equal(projection_make(NULL, 0, WIDTH, x, y, share, NULL), STATUS_OK);
}

/* Two rows differ along one direction alone: there is no second. */
static void test_rows_on_a_line(void **state)
{
    (void)state;
    float rows[2][WIDTH];
    double x[2], y[2], share[2];
    for (size_t j = 0; j < WIDTH; j++) {
        rows[0][j] = 0.1f * (float)j;
        rows[1][j] = 1 - 0.37f * (float)j;
    }
    assert_int_equal(projection_make(&rows[0][0], 2, WIDTH, x, y, share, NULL), STATUS_OK);
    assert_true(fabs(x[0] + x[1]) < 1e-6 && fabs(x[0]) > 0.5);
    assert_true(fabs(y[0]) < 1e-6 && fabs(y[1]) < 1e-6);
    assert_true(fabs(share[0] - 1) < 1e-6 && share[1] < 1e-6);
}

static void test_rows_of_one_value(void **state)
{
    (void)state;
    const float rows[4] = {1, 2, 3, 6};
    double x[4], y[4], share[2];
    assert_int_equal(projection_make(rows, 4, 1, x, y, share, NULL), STATUS_OK);
    assert_true(fabs(fabs(x[3]) - 3) < 1e-9 && fabs(share[0] - 1) < 1e-9);
    assert_true(isfinite(y[0]) && share[1] < 1e-9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_two_largest_directions),
        cmocka_unit_test(test_directions_of_nearly_one_variance),
        cmocka_unit_test(test_rows_without_variance),
        cmocka_unit_test(test_rows_on_a_line),
        cmocka_unit_test(test_rows_of_one_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
