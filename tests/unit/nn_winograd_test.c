/* Winograd's convolutions: tiles of 4x4 and 7x7, how images are cut into them, how weights are cut into blocks, and the
 * errors of both where sums are long.
 */
#include "tests/unit/conv_cases.h"

/* Sides that are and are not multiples of the tiles', in batches that do and do not fill a mosaic. */
static void test_tiles_and_mosaics(void **state)
{
    (void)state;
    const struct conv_shape shapes[] = {{6, 6, 16, 16, 3, 1},
                                        {7, 7, 16, 24, 3, 1},
                                        {13, 6, 24, 16, 3, 1},
                                        {5, 2, 16, 24, 3, 1},
                                        {9, 10, 21, 19, 3, 1}};
    const int batches[] = {1, 3, 16};
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        for (size_t b = 0; b < sizeof batches / sizeof batches[0]; b++) {
            check_shape(shapes[i], batches[b]);
        }
    }
    check_shape((struct conv_shape){14, 13, 24, 16, 3, 1}, 3);
    check_shape((struct conv_shape){14, 14, 16, 17, 3, 1}, 5);
    check_shape((struct conv_shape){21, 22, 16, 17, 3, 1}, 2);
    check_shape((struct conv_shape){10, 8, 16, 16, 3, 1}, 6);
    check_shape((struct conv_shape){6, 6, 16, 16, 3, 1}, 9);
    check_shape((struct conv_shape){5, 2, 16, 24, 3, 1}, 7);
}

/* Several blocks of rows and of columns, whose last ones are narrower; and so many weights that the threads share
 * chunks: one chunk, and two. */
static void test_blocks_of_weights(void **state)
{
    (void)state;
    check_shape((struct conv_shape){7, 7, 150, 70, 3, 1}, 2);
    check_shape((struct conv_shape){7, 8, 70, 150, 3, 1}, 1);
    check_shape((struct conv_shape){4, 6, 300, 200, 3, 1}, 2);
    check_shape((struct conv_shape){7, 6, 200, 300, 3, 1}, 1);
    check_shape((struct conv_shape){22, 24, 2740, 16, 3, 1}, 1);
    check_shape((struct conv_shape){36, 41, 1200, 16, 3, 1}, 1);
}

struct realistic {
    struct conv_shape shape;
    double bar[3]; /* of matrix products, tiles of 4x4 and 7x7: the L2 error of each pass */
};

static double error_of(const float *got, const float *expected, size_t count)
{
    double square = 0.0, square_error = 0.0;
    for (size_t i = 0; i < count; i++) {
        double difference = (double)got[i] - (double)expected[i];
        square += (double)expected[i] * (double)expected[i];
        square_error += difference * difference;
    }
    return sqrt(square_error / square);
}

/* The rounding error where sums are long: the network's own shapes. */
static void test_error_at_realistic_shapes(void **state)
{
    (void)state;
    const struct realistic cases[] = {{{56, 56, 64, 64, 3, 1}, {1e-6, 2e-6, 1.2e-5}},
                                      {{28, 28, 128, 128, 3, 1}, {1e-6, 2e-6, 1.2e-5}},
                                      {{14, 14, 256, 256, 3, 1}, {1e-6, 2e-6, 1.2e-5}},
                                      {{7, 7, 512, 512, 3, 1}, {1e-6, 2e-6, 1.2e-5}}};
    enum isa best;
    assert_int_equal(isa_detect(&best, NULL), STATUS_OK);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct data data = data_make(cases[i].shape, 1);
        struct passes expected = run(&data, CONV_REFERENCE, ISA_GENERIC, 2);
        for (enum conv_algorithm algorithm = CONV_GEMM; algorithm <= CONV_WINOGRAD_7; algorithm++) {
            struct passes got = run(&data, algorithm, best, 2);
            double forward = error_of(got.output, expected.output, data.size.output);
            double backward = error_of(got.grad_input, expected.grad_input, data.size.input);
            double weight = error_of(got.grad_weight, expected.grad_weight, data.size.weight);
            print_message("%d@%d algorithm %d: forward %.1e, data %.1e, weight %.1e\n",
                          cases[i].shape.channels_in, cases[i].shape.height, (int)algorithm, forward,
                          backward, weight);
            check_passes(&data, &got, &expected);
            assert_true(fmax(forward, fmax(backward, weight)) <= cases[i].bar[algorithm - CONV_GEMM]);
            passes_free(&got);
        }
        passes_free(&expected);
        data_free(&data);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tiles_and_mosaics),
        cmocka_unit_test(test_blocks_of_weights),
        cmocka_unit_test(test_error_at_realistic_shapes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
