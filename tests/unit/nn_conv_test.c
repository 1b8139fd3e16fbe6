/* Every algorithm on every instruction set of this machine against the reference loops, which in turn are
 * held against PyTorch's values; the adjoint identities; determinism; and the bounds of scratch and output.
 */
#include "tests/unit/conv_cases.h"

static void test_reading(void **state)
{
    (void)state;
    for (int activate = 0; activate < 2; activate++) {
        check_reading((struct conv_shape){8, 12, 16, 24, 3, 1}, 2, activate);
        check_reading((struct conv_shape){14, 13, 24, 16, 3, 1}, 3, activate);
        check_reading((struct conv_shape){9, 10, 21, 19, 3, 1}, 2, activate);
        check_reading((struct conv_shape){12, 13, 16, 24, 3, 2}, 3, activate);
        check_reading((struct conv_shape){9, 8, 16, 24, 1, 1}, 2, activate);
        check_reading((struct conv_shape){9, 8, 16, 24, 1, 2}, 2, activate);
        check_reading((struct conv_shape){8, 6, 200, 160, 3, 1}, 2, activate);
    }
}

static void test_kernels_and_strides(void **state)
{
    (void)state;
    for (int kernel = 1; kernel <= 3; kernel += 2) {
        for (int stride = 1; stride <= 2; stride++) {
            for (int batch = 1; batch <= 5; batch += 4) {
                check_shape((struct conv_shape){8, 8, 16, 24, kernel, stride}, batch);
                check_shape((struct conv_shape){7, 9, 24, 16, kernel, stride}, batch);
                check_shape((struct conv_shape){13, 6, 3, 16, kernel, stride}, batch);
            }
        }
    }
}

static void test_smallest(void **state)
{
    (void)state;
    for (int side = 1; side <= 5; side++) {
        for (int stride = 1; stride <= 2; stride++) {
            check_shape((struct conv_shape){side, 6 - side, 5, 7, 3, stride}, 2);
        }
    }
    check_shape((struct conv_shape){1, 1, 1, 1, 1, 1}, 1);
    check_shape((struct conv_shape){1, 1, 1, 1, 1, 2}, 1);
}

/* Enough pixels and tiles for several blocks, and the network's shapes at small batches. */
static void test_blocks(void **state)
{
    (void)state;
    check_shape((struct conv_shape){33, 30, 16, 16, 3, 1}, 5);
    check_shape((struct conv_shape){30, 33, 16, 24, 3, 2}, 5);
    check_shape((struct conv_shape){32, 32, 24, 24, 1, 2}, 5);
    check_shape((struct conv_shape){14, 14, 64, 64, 3, 1}, 5);
    check_shape((struct conv_shape){48, 48, 3, 16, 3, 1}, 1);
}

static double dot(const float *a, const float *b, size_t count)
{
    double sum = 0.0;
    for (size_t i = 0; i < count; i++) {
        sum += (double)a[i] * (double)b[i];
    }
    return sum;
}

/* <g, conv(x, w)> is linear in each of g, x and w, so all three passes must give the same number. */
static void test_adjoints(void **state)
{
    (void)state;
    const struct conv_shape shapes[] = {
        {14, 11, 24, 16, 3, 1}, {15, 12, 16, 24, 3, 2}, {9, 10, 16, 24, 1, 1}, {9, 10, 16, 24, 1, 2}};
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        struct data data = data_make(shapes[i], 3);
        for (enum conv_algorithm algorithm = CONV_REFERENCE; algorithm <= CONV_WINOGRAD_7; algorithm++) {
            if (!algorithm_fits(algorithm, &shapes[i])) {
                continue;
            }
            struct passes got = run(&data, algorithm, ISA_GENERIC, 2);
            double scale = sqrt(dot(got.output, got.output, data.size.output)) *
                           sqrt(dot(data.grad_output, data.grad_output, data.size.output));
            double forward = dot(data.grad_output, got.output, data.size.output);
            double backward = dot(got.grad_input, data.input, data.size.input);
            double weight = dot(got.grad_weight, data.weight, data.size.weight);
            assert_true(fabs(forward - backward) <= 1e-6 * scale);
            assert_true(fabs(forward - weight) <= 1e-6 * scale);
            passes_free(&got);
        }
        data_free(&data);
    }
}

static void test_same_bits_every_time(void **state)
{
    (void)state;
    const struct conv_shape shapes[] = {
        {28, 28, 32, 32, 3, 1}, {28, 28, 32, 32, 3, 2}, {8, 8, 128, 128, 3, 1}, {28, 28, 32, 32, 1, 2}};
    enum isa best;
    assert_int_equal(isa_detect(&best, NULL), STATUS_OK);
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        struct data data = data_make(shapes[i], 4);
        for (enum conv_algorithm algorithm = CONV_GEMM; algorithm <= CONV_WINOGRAD_7; algorithm++) {
            if (!algorithm_fits(algorithm, &shapes[i])) {
                continue;
            }
            struct passes first = run(&data, algorithm, best, 2), again = run(&data, algorithm, best, 2);
            assert_memory_equal(first.output, again.output, data.size.output * sizeof(float));
            assert_memory_equal(first.grad_input, again.grad_input, data.size.input * sizeof(float));
            assert_memory_equal(first.grad_weight, again.grad_weight, data.size.weight * sizeof(float));
            passes_free(&first);
            passes_free(&again);
        }
        data_free(&data);
    }
}

/* A plan for larger batches serves smaller ones, and weight gradients add up over micro-batches. */
static void test_smaller_batches_add_up(void **state)
{
    (void)state;
    const struct conv_shape shapes[] = {{11, 11, 24, 24, 3, 1}, {11, 11, 24, 24, 3, 2}};
    for (size_t i = 0; i < 2; i++) {
        struct data data = data_make(shapes[i], 4);
        struct passes whole = run(&data, CONV_REFERENCE, ISA_GENERIC, 2);
        for (enum conv_algorithm algorithm = CONV_REFERENCE; algorithm <= CONV_WINOGRAD_7; algorithm++) {
            if (!algorithm_fits(algorithm, &shapes[i])) {
                continue;
            }
            struct conv *conv = NULL;
            assert_int_equal(conv_create(&shapes[i], algorithm, ISA_GENERIC, 4, 2, false, &conv, NULL),
                             STATUS_OK);
            conv_set_weight(conv, data.weight);
            void *scratch = guarded(conv_scratch_bytes(conv));
            struct passes got = {algorithm, guarded(data.size.output * sizeof(float)),
                                 guarded(data.size.input * sizeof(float)),
                                 calloc(data.size.weight, sizeof(float))};
            assert_non_null(got.grad_weight);
            for (int at = 0, part = 1; at < 4; at += part, part = 3) {
                size_t in = data.size.input / 4 * (size_t)at, out = data.size.output / 4 * (size_t)at;
                struct conv_input source = {.values = data.input + in};
                conv_forward(conv, part, &source, got.output + out, NULL, scratch);
                conv_backward_data(conv, part, data.grad_output + out, got.grad_input + in, NULL, scratch);
                conv_backward_weight(conv, part, &source, data.grad_output + out, got.grad_weight, scratch);
            }
            check_passes(&data, &got, &whole);
            free(scratch);
            conv_free(conv);
            passes_free(&got);
        }
        passes_free(&whole);
        data_free(&data);
    }
}

static void read_floats(FILE *file, float *values, size_t count)
{
    assert_int_equal(fread(values, sizeof *values, count, file), count);
}

/* tests/oracle/make_conv.py: how many convolutions; for each height, width, channels in and out, kernel,
 * stride and batch as int32; then input, weight, gradient of the output, and PyTorch's output, gradient of
 * the input and gradient of the weight. */
static void test_golden(void **state)
{
    (void)state;
    FILE *file = fopen("tests/oracle/conv.bin", "rb");
    assert_non_null(file);
    int32_t count = 0, header[7];
    assert_int_equal(fread(&count, sizeof count, 1, file), 1);
    assert_true(count > 0);
    for (int i = 0; i < count; i++) {
        assert_int_equal(fread(header, sizeof header, 1, file), 1);
        struct conv_shape shape = {header[0], header[1], header[2], header[3], header[4], header[5]};
        struct data data = data_make(shape, header[6]);
        read_floats(file, data.input, data.size.input);
        read_floats(file, data.weight, data.size.weight);
        read_floats(file, data.grad_output, data.size.output);
        struct passes expected = {CONV_REFERENCE, malloc(data.size.output * sizeof(float)),
                                  malloc(data.size.input * sizeof(float)),
                                  malloc(data.size.weight * sizeof(float))};
        read_floats(file, expected.output, data.size.output);
        read_floats(file, expected.grad_input, data.size.input);
        read_floats(file, expected.grad_weight, data.size.weight);
        for (enum conv_algorithm algorithm = CONV_AUTO; algorithm <= CONV_WINOGRAD_7; algorithm++) {
            if (!algorithm_fits(algorithm, &shape)) {
                continue;
            }
            struct passes got = run(&data, algorithm, ISA_GENERIC, 1);
            check_passes(&data, &got, &expected);
            passes_free(&got);
        }
        passes_free(&expected);
        data_free(&data);
    }
    assert_int_equal(fgetc(file), EOF);
    fclose(file);
}

static void test_refused(void **state)
{
    (void)state;
    const struct conv_shape bad[] = {
        {0, 8, 8, 8, 3, 1}, {8, 8, 8, 8, 5, 1}, {8, 8, 8, 8, 3, 3}, {8, 8, 0, 8, 3, 1}};
    struct conv *conv = NULL;
    struct error error;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(conv_create(&bad[i], CONV_AUTO, ISA_GENERIC, 1, 1, false, &conv, &error),
                         STATUS_USAGE);
    }
    const struct conv_shape strided = {8, 8, 8, 8, 3, 2};
    assert_int_equal(conv_create(&strided, CONV_WINOGRAD_4, ISA_GENERIC, 1, 1, false, &conv, &error),
                     STATUS_USAGE);
    assert_null(conv);
}

static void check_choice(struct conv_shape shape, int batch, enum conv_algorithm expected)
{
    struct conv *conv = NULL;
    assert_int_equal(conv_create(&shape, CONV_AUTO, ISA_GENERIC, batch, 1, false, &conv, NULL), STATUS_OK);
    assert_int_equal(conv_algorithm_of(conv), expected);
    conv_free(conv);
}

static void test_choice(void **state)
{
    (void)state;
    check_choice((struct conv_shape){14, 14, 256, 256, 3, 1}, 16, CONV_WINOGRAD_7);
    check_choice((struct conv_shape){7, 7, 512, 512, 3, 1}, 8, CONV_WINOGRAD_7);
    check_choice((struct conv_shape){27, 13, 64, 64, 3, 1}, 8, CONV_WINOGRAD_7);
    check_choice((struct conv_shape){7, 7, 512, 512, 3, 1}, 4, CONV_WINOGRAD_4);
    check_choice((struct conv_shape){16, 16, 128, 128, 3, 1}, 16, CONV_WINOGRAD_4);
    check_choice((struct conv_shape){4, 4, 128, 128, 3, 1}, 64, CONV_WINOGRAD_4);
    check_choice((struct conv_shape){7, 7, 512, 512, 3, 1}, 1, CONV_GEMM);
    check_choice((struct conv_shape){2, 2, 128, 128, 3, 1}, 64, CONV_GEMM);
    check_choice((struct conv_shape){112, 112, 3, 64, 3, 1}, 16, CONV_GEMM);
    check_choice((struct conv_shape){56, 56, 8, 8, 3, 1}, 16, CONV_GEMM);
    check_choice((struct conv_shape){112, 112, 64, 64, 3, 2}, 16, CONV_GEMM);
    check_choice((struct conv_shape){56, 56, 64, 128, 1, 2}, 16, CONV_GEMM);
}

static void test_isa(void **state)
{
    (void)state;
    enum isa isa = ISA_COUNT - 1;
    struct error error;
    assert_int_equal(setenv("DAIL_ISA", "generic", 1), 0);
    assert_int_equal(isa_detect(&isa, &error), STATUS_OK);
    assert_int_equal(isa, ISA_GENERIC);
    assert_int_equal(setenv("DAIL_ISA", "sse9", 1), 0);
    assert_int_equal(isa_detect(&isa, &error), STATUS_USAGE);
    assert_non_null(strstr(error.what, "sse9"));
    for (int known = 0; known < ISA_COUNT; known++) {
        assert_non_null(strstr(error.next, isa_name((enum isa)known)));
    }
    assert_int_equal(unsetenv("DAIL_ISA"), 0);
    assert_int_equal(isa_detect(&isa, &error), STATUS_OK);
    assert_string_equal(isa_name(ISA_GENERIC), "generic");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_isa),
        cmocka_unit_test(test_reading),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_choice),
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_kernels_and_strides),
        cmocka_unit_test(test_smallest),
        cmocka_unit_test(test_blocks),
        cmocka_unit_test(test_adjoints),
        cmocka_unit_test(test_same_bits_every_time),
        cmocka_unit_test(test_smaller_batches_add_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
