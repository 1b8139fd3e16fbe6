#include "worker/loss/crossing.h"

#include "tests/unit/golden.h"

#define GOLDEN "tests/oracle/loss/classifier.golden"
#define WALKS 4

/* The draws below a bound, against the walk written anew in Python. */
static void draws_are_those_of_the_oracle(void **state)
{
    (void)state;
    for (int number = 0; number < WALKS; number++) {
        char name[16];
        size_t count;
        uint64_t drawn;
        snprintf(name, sizeof name, "walk%d", number);
        double *expected = golden_values(GOLDEN, name, &count);
        struct crossing_key key = {0x123456789ABC, 7, (uint64_t)expected[0], expected[1]};
        struct crossing_walk walk = crossing_begin(&key, 0, (uint64_t)expected[2]);
        for (size_t i = 3; i < count; i++) {
            assert_true(crossing_next(&walk, &drawn));
            assert_int_equal(drawn, (uint64_t)expected[i]);
        }
        assert_false(crossing_next(&walk, &drawn));
        assert_false(crossing_next(&walk, &drawn));
        free(expected);
    }
}

/* However the classes are cut, the pieces' draws are those of the whole. */
static void partition_changes_nothing(void **state)
{
    (void)state;
    const uint64_t end = 10000;
    const uint64_t pieces[] = {1, 7, 100, 1023, 1024, 1025, 3333};
    for (uint64_t sample = 0; sample < 20; sample++) {
        struct crossing_key key = {5, 3, sample, 0.01};
        for (size_t p = 0; p < sizeof pieces / sizeof pieces[0]; p++) {
            uint64_t a, b;
            struct crossing_walk whole = crossing_begin(&key, 0, end);
            for (uint64_t begin = 0; begin < end; begin += pieces[p]) {
                uint64_t until = begin + pieces[p] < end ? begin + pieces[p] : end;
                struct crossing_walk piece = crossing_begin(&key, begin, until);
                while (crossing_next(&piece, &a)) {
                    assert_true(crossing_next(&whole, &b));
                    assert_int_equal(a, b);
                }
            }
            assert_false(crossing_next(&whole, &b));
        }
    }
}

/* Over many samples each class comes up with probability p, and neighbouring samples, neighbouring classes
 * and successive steps have no more draws in common than chance gives. */
static void draws_are_independent(void **state)
{
    (void)state;
    enum { SAMPLES = 2000, CLASSES = 2048 };
    const double p = 0.05;
    static uint8_t drawn[2][SAMPLES][CLASSES];
    memset(drawn, 0, sizeof drawn);
    double total = 0;
    for (uint64_t step = 0; step < 2; step++) {
        for (uint64_t sample = 0; sample < SAMPLES; sample++) {
            uint64_t class_index;
            struct crossing_key key = {1, step, sample, p};
            struct crossing_walk walk = crossing_begin(&key, 0, CLASSES);
            while (crossing_next(&walk, &class_index)) {
                drawn[step][sample][class_index] = 1;
                total++;
            }
        }
    }
    double trials = 2.0 * SAMPLES * CLASSES;
    assert_near(total, p * trials, 5 * sqrt(trials * p * (1 - p)));
    double samples = 0;
    double classes = 0;
    double steps = 0;
    double blocks = 0;
    for (int i = 0; i + 1 < SAMPLES; i++) {
        for (int j = 0; j + 1 < CLASSES; j++) {
            samples += drawn[0][i][j] & drawn[0][i + 1][j];
            classes += drawn[0][i][j] & drawn[0][i][j + 1];
            steps += drawn[0][i][j] & drawn[1][i][j];
            blocks += j < CLASSES / 2 ? drawn[0][i][j] & drawn[0][i + 1][j + CLASSES / 2] : 0;
        }
    }
    double pairs = (double)(SAMPLES - 1) * (CLASSES - 1);
    double deviation = 5 * sqrt(pairs * p * p);
    assert_near(samples, p * p * pairs, deviation);
    assert_near(classes, p * p * pairs, deviation);
    assert_near(steps, p * p * pairs, deviation);
    assert_near(blocks, p * p * pairs / 2, deviation);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(draws_are_those_of_the_oracle),
        cmocka_unit_test(partition_changes_nothing),
        cmocka_unit_test(draws_are_independent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
