/* Draws: Philox4x32-10 against the published vectors, streams against an independent reckoning, and the shape
 * of the distributions. */
#include "proto/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Random123's kat_vectors, philox4x32 10. */
static void test_published_vectors(void **state)
{
    static const struct {
        uint32_t counter[4], key[2], out[4];
    } vectors[] = {{{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
                   {{~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
                   {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
                    {0xa4093822, 0x299f31d0},
                    {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}}};
    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        uint32_t out[4];
        random_block(vectors[i].counter, vectors[i].key, out);
        assert_memory_equal(out, vectors[i].out, sizeof out);
    }
}

/* tests/oracle/random_golden.py: the same draws on every machine, for ever: a resumed run needs them. */
static void test_golden_streams(void **state)
{
    static const uint32_t golden[2][9] = {{0xc6fa38ca, 0xa28ba0b3, 0x0c5b2812, 0x012588d7, 0xefd58a98,
                                           0xc49d35e2, 0x3ea6e796, 0x5479767d, 0xa9a3bc46},
                                          {0x45c8b046, 0x30cdd422, 0x6b0c495d, 0x1d1289a2, 0x7465972b,
                                           0xcb08e155, 0x4f93f55c, 0x3500e884, 0x32d287cf}};
    struct random streams[2] = {
        random_stream(1, RANDOM_INIT, 0, 0),
        random_stream(0x0123456789abcdefu, RANDOM_AUGMENT, 0xfedcba9876543210u, 0x1122334455667788u)};
    (void)state;
    for (int s = 0; s < 2; s++) {
        for (int i = 0; i < 9; i++) {
            assert_int_equal(random_u32(&streams[s]), golden[s][i]);
        }
    }
}

static void test_same_key_same_draws(void **state)
{
    (void)state;
    struct random a = random_stream(7, RANDOM_AUGMENT, 3, 99);
    struct random b = random_stream(7, RANDOM_AUGMENT, 3, 99);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(random_u32(&a), random_u32(&b));
    }
    struct random copy = a;
    assert_int_equal(random_u64(&a), random_u64(&copy));
}

/* Every part of the key matters, its high words and its neighbours' swaps too. */
static void test_each_part_of_the_key_counts(void **state)
{
    static const struct {
        uint64_t seed, major, minor;
        enum random_purpose purpose;
    } keys[] = {{1, 0, 0, RANDOM_INIT},          {2, 0, 0, RANDOM_INIT}, {1ull << 32, 0, 0, RANDOM_INIT},
                {1, 1, 0, RANDOM_INIT},          {1, 0, 1, RANDOM_INIT}, {1, 1ull << 32, 0, RANDOM_INIT},
                {1, 0, 1ull << 32, RANDOM_INIT}, {1, 1, 1, RANDOM_INIT}, {1, 0, 0, RANDOM_CLASSIFIER},
                {1, 0, 0, RANDOM_SYNTH}};
    enum { COUNT = sizeof keys / sizeof keys[0] };
    uint64_t first[COUNT];
    (void)state;
    for (size_t i = 0; i < COUNT; i++) {
        struct random stream = random_stream(keys[i].seed, keys[i].purpose, keys[i].major, keys[i].minor);
        first[i] = random_u64(&stream);
        for (size_t j = 0; j < i; j++) {
            assert_true(first[i] != first[j]);
        }
    }
}

static void test_words_do_not_repeat_within_a_stream(void **state)
{
    (void)state;
    struct random stream = random_stream(1, RANDOM_PLAN, 0, 0);
    uint32_t block[2][4];
    for (int i = 0; i < 4; i++) {
        block[0][i] = random_u32(&stream);
    }
    for (int i = 0; i < 4; i++) {
        block[1][i] = random_u32(&stream);
    }
    assert_memory_not_equal(block[0], block[1], sizeof block[0]);
}

static void test_uniform(void **state)
{
    enum { DRAWS = 100000, BINS = 16 };
    int bins[BINS] = {0};
    double sum = 0;
    (void)state;
    struct random stream = random_stream(11, RANDOM_DROPOUT, 0, 0);
    for (int i = 0; i < DRAWS; i++) {
        float value = random_uniform(&stream);
        double wide = random_uniform_double(&stream);
        assert_true(value >= 0 && value < 1 && wide >= 0 && wide < 1);
        bins[(int)(value * BINS)]++;
        sum += wide;
    }
    double chi = 0, expected = (double)DRAWS / BINS;
    for (int i = 0; i < BINS; i++) {
        chi += (bins[i] - expected) * (bins[i] - expected) / expected;
    }
    /* 15 degrees of freedom: beyond 44.3 once in 10,000 seeds; this seed is fixed. */
    assert_true(chi < 44.3);
    assert_true(fabs(sum / DRAWS - 0.5) < 4 * sqrt(1.0 / 12 / DRAWS));
}

static void test_normal(void **state)
{
    enum { DRAWS = 100000 };
    double sum = 0, squares = 0, fourth = 0;
    (void)state;
    struct random stream = random_stream(5, RANDOM_INIT, 0, 0);
    for (int i = 0; i < DRAWS; i++) {
        double value = random_normal(&stream);
        assert_true(isfinite(value));
        sum += value;
        squares += value * value;
        fourth += value * value * value * value;
    }
    assert_true(fabs(sum / DRAWS) < 4 / sqrt(DRAWS));
    assert_true(fabs(squares / DRAWS - 1) < 4 * sqrt(2.0 / DRAWS));
    assert_true(fabs(fourth / DRAWS - 3) < 4 * sqrt(96.0 / DRAWS));
}

static void test_below_is_unbiased_and_bounded(void **state)
{
    enum { DRAWS = 60000 };
    int bins[6] = {0};
    (void)state;
    struct random stream = random_stream(3, RANDOM_LANE, 0, 0);
    for (int i = 0; i < DRAWS; i++) {
        bins[random_below(&stream, 6)]++;
        assert_int_equal(random_below(&stream, 1), 0);
    }
    double chi = 0;
    for (int i = 0; i < 6; i++) {
        chi += (bins[i] - DRAWS / 6.0) * (bins[i] - DRAWS / 6.0) / (DRAWS / 6.0);
    }
    assert_true(chi < 25.7);
    /* Where a plain multiply-shift is biased most: a third of the words must be thrown away. */
    uint32_t bound = 3u << 30;
    int low = 0;
    for (int i = 0; i < DRAWS; i++) {
        uint32_t value = random_below(&stream, bound);
        assert_true(value < bound);
        low += value % 3 == 0;
    }
    assert_true(fabs(low - DRAWS / 3.0) < 4 * sqrt(DRAWS * 2.0 / 9));
}

static void test_shuffle_is_a_fair_permutation(void **state)
{
    enum { ROUNDS = 6000 };
    int seen[6] = {0};
    (void)state;
    struct random stream = random_stream(4, RANDOM_PACK, 0, 0);
    for (int round = 0; round < ROUNDS; round++) {
        uint32_t values[3] = {0, 1, 2};
        random_shuffle(&stream, values, 3);
        assert_int_equal((1u << values[0]) | (1u << values[1]) | (1u << values[2]), 7);
        seen[values[0] * 2 + (values[1] > values[2])]++;
    }
    for (int i = 0; i < 6; i++) {
        assert_true(abs(seen[i] - ROUNDS / 6) < 4 * 29);
    }
    uint32_t alone = 9;
    random_shuffle(&stream, &alone, 1);
    random_shuffle(&stream, &alone, 0);
    assert_int_equal(alone, 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_published_vectors),
                                       cmocka_unit_test(test_golden_streams),
                                       cmocka_unit_test(test_same_key_same_draws),
                                       cmocka_unit_test(test_each_part_of_the_key_counts),
                                       cmocka_unit_test(test_words_do_not_repeat_within_a_stream),
                                       cmocka_unit_test(test_uniform),
                                       cmocka_unit_test(test_normal),
                                       cmocka_unit_test(test_below_is_unbiased_and_bounded),
                                       cmocka_unit_test(test_shuffle_is_a_fair_permutation)};
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
