/* Every algorithm on every instruction set of this machine against the reference loops, which in turn are
 * held against PyTorch's values; the adjoint identities; determinism; and the bounds of scratch and output.
 */
#include "worker/nn/conv/conv.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { GUARD = 256, GUARD_BYTE = 0xA5 };
static const double tolerance = 1e-5;

struct sizes {
    size_t input, output, weight;
};

struct data {
    struct conv_shape shape;
    int batch;
    struct sizes size;
    float *input, *grad_output, *weight;
    const struct nn_affine *normalise; /* how the input is read */
    const float *prelu;
};

struct passes {
    float *output, *grad_input, *grad_weight;
};

static uint64_t random_next(uint64_t *state)
{
    *state += 0x9E3779B97F4A7C15u;
    uint64_t z = *state;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

/* Roughly normal, mean 0, deviation 1. */
static float *random_floats(size_t count, uint64_t seed)
{
    float *values = malloc(count * sizeof *values);
    assert_non_null(values);
    for (size_t i = 0; i < count; i++) {
        uint64_t bits = random_next(&seed);
        int sum = 0;
        for (int k = 0; k < 4; k++) {
            sum += (int)(bits >> (16 * k) & 0xFFFF);
        }
        values[i] = (float)(sum - 2 * 65535) / 37837.0f;
    }
    return values;
}

static struct data data_make(struct conv_shape shape, int batch)
{
    struct data data = {.shape = shape, .batch = batch};
    size_t images = (size_t)batch, in = (size_t)shape.channels_in, out = (size_t)shape.channels_out;
    data.size.input = images * (size_t)(shape.height * shape.width) * in;
    data.size.output = images * (size_t)(conv_height_out(&shape) * conv_width_out(&shape)) * out;
    data.size.weight = (size_t)(shape.kernel * shape.kernel) * in * out;
    data.input = random_floats(data.size.input, 1);
    data.grad_output = random_floats(data.size.output, 2);
    data.weight = random_floats(data.size.weight, 3);
    return data;
}

static void data_free(struct data *data)
{
    free(data->input);
    free(data->grad_output);
    free(data->weight);
}

static void passes_free(struct passes *passes)
{
    free(passes->output);
    free(passes->grad_input);
    free(passes->grad_weight);
}

/* `bytes` bytes that are not numbers, behind them a guard. */
static void *guarded(size_t bytes)
{
    char *memory = aligned_alloc(64, (bytes + GUARD + 63) / 64 * 64);
    assert_non_null(memory);
    memset(memory, 0xFF, bytes);
    memset(memory + bytes, GUARD_BYTE, GUARD);
    return memory;
}

static void check_guard(const void *memory, size_t bytes)
{
    const unsigned char *guard = (const unsigned char *)memory + bytes;
    for (int i = 0; i < GUARD; i++) {
        assert_int_equal(guard[i], GUARD_BYTE);
    }
}

/* What a visitor saw: how often each row, and the row as it was then. */
struct visits {
    size_t rows, channels;
    unsigned char *count;
    float *seen;
    const float *tensor;
};

static struct visits visits_begin(size_t size, int channels, const float *tensor)
{
    struct visits visits = {.rows = size / (size_t)channels, .channels = (size_t)channels, .tensor = tensor};
    visits.count = calloc(visits.rows, 1);
    visits.seen = malloc(size * sizeof *visits.seen);
    assert_non_null(visits.count);
    assert_non_null(visits.seen);
    return visits;
}

static void on_written(void *context, int thread, size_t row, size_t rows)
{
    (void)thread;
    struct visits *visits = context;
    for (size_t r = row; r < row + rows && r < visits->rows; r++) {
        visits->count[r]++;
    }
    memcpy(visits->seen + row * visits->channels, visits->tensor + row * visits->channels,
           rows * visits->channels * sizeof *visits->seen);
}

/* Every row once, when it was final. */
static void visits_check(struct visits *visits)
{
    for (size_t r = 0; r < visits->rows; r++) {
        assert_int_equal(visits->count[r], 1);
    }
    assert_memory_equal(visits->seen, visits->tensor, visits->rows * visits->channels * sizeof(float));
    free(visits->count);
    free(visits->seen);
}

static struct passes run(const struct data *data, enum conv_algorithm algorithm, enum isa isa, int threads)
{
    struct conv *conv = NULL;
    struct error error;
    bool frugal = threads == 3; /* of the thread counts that the tests go through */
    assert_int_equal(conv_create(&data->shape, algorithm, isa, data->batch, threads, frugal, &conv, &error),
                     STATUS_OK);
    if (algorithm != CONV_AUTO) {
        assert_int_equal(conv_algorithm_of(conv), algorithm);
    }
    size_t scratch_bytes = conv_scratch_bytes(conv);
    size_t output = data->size.output * sizeof(float), input = data->size.input * sizeof(float);
    size_t weight = data->size.weight * sizeof(float);
    void *scratch = guarded(scratch_bytes);
    struct passes passes = {guarded(output), guarded(input), guarded(weight)};
    memset(passes.grad_weight, 0, weight);

    struct conv_input source = {.values = data->input, .normalise = data->normalise, .prelu = data->prelu};
    /* Other weights first: the plan must forget them. */
    float *before = random_floats(data->size.weight, 4);
    conv_set_weight(conv, before);
    conv_forward(conv, data->batch, &source, passes.output, NULL, scratch);
    conv_backward_data(conv, data->batch, data->grad_output, passes.grad_input, NULL, scratch);
    conv_set_weight(conv, data->weight);
    memset(scratch, 0xFF, scratch_bytes);
    struct visits visits = visits_begin(data->size.output, data->shape.channels_out, passes.output);
    struct conv_visitor visitor = {.written = on_written, .context = &visits};
    conv_forward(conv, data->batch, &source, passes.output, &visitor, scratch);
    visits_check(&visits);
    memset(scratch, 0xFF, scratch_bytes);
    visits = visits_begin(data->size.input, data->shape.channels_in, passes.grad_input);
    conv_backward_data(conv, data->batch, data->grad_output, passes.grad_input, &visitor, scratch);
    visits_check(&visits);
    memset(scratch, 0xFF, scratch_bytes);
    conv_backward_weight(conv, data->batch, &source, data->grad_output, passes.grad_weight, scratch);

    check_guard(scratch, scratch_bytes);
    check_guard(passes.output, output);
    check_guard(passes.grad_input, input);
    check_guard(passes.grad_weight, weight);
    free(before);
    free(scratch);
    conv_free(conv);
    return passes;
}

/* The larger of the errors in the greatest and in the L2 norm, relative to the expected values' norm. */
static double relative_error(const float *got, const float *expected, size_t count)
{
    double greatest = 0.0, greatest_error = 0.0, square = 0.0, square_error = 0.0;
    for (size_t i = 0; i < count; i++) {
        double difference = fabs((double)got[i] - (double)expected[i]);
        if (!isfinite(got[i])) {
            return INFINITY;
        }
        greatest = fmax(greatest, fabs((double)expected[i]));
        greatest_error = fmax(greatest_error, difference);
        square += (double)expected[i] * (double)expected[i];
        square_error += difference * difference;
    }
    return fmax(greatest_error / greatest, sqrt(square_error / square));
}

static void check_close(const char *what, const struct data *data, const float *got, const float *expected,
                        size_t count)
{
    double error = relative_error(got, expected, count);
    if (error <= tolerance) {
        return;
    }
    const struct conv_shape *shape = &data->shape;
    print_error("%s: error %.2e at %dx%dx%d to %d, kernel %d, stride %d, batch %d\n", what, error,
                shape->height, shape->width, shape->channels_in, shape->channels_out, shape->kernel,
                shape->stride, data->batch);
    fail();
}

static void check_passes(const struct data *data, const struct passes *got, const struct passes *expected)
{
    check_close("forward", data, got->output, expected->output, data->size.output);
    check_close("backward data", data, got->grad_input, expected->grad_input, data->size.input);
    check_close("backward weight", data, got->grad_weight, expected->grad_weight, data->size.weight);
}

static bool isa_available(enum isa isa)
{
    enum isa best;
    return unsetenv("DAIL_ISA") == 0 && isa_detect(&best, NULL) == STATUS_OK && isa <= best;
}

static bool algorithm_fits(enum conv_algorithm algorithm, const struct conv_shape *shape)
{
    return algorithm != CONV_WINOGRAD || (shape->kernel == 3 && shape->stride == 1);
}

/* All algorithms, sets and thread counts on these data. */
static void check_data(const struct data *data, const struct passes *expected)
{
    for (enum conv_algorithm algorithm = CONV_AUTO; algorithm <= CONV_WINOGRAD; algorithm++) {
        for (enum isa isa = ISA_GENERIC; isa < ISA_COUNT; isa++) {
            bool isa_matters = algorithm == CONV_WINOGRAD || isa == ISA_GENERIC;
            if (!algorithm_fits(algorithm, &data->shape) || !isa_matters || !isa_available(isa)) {
                continue;
            }
            for (int threads = 1; threads <= 3; threads++) {
                struct passes got = run(data, algorithm, isa, threads);
                check_passes(data, &got, expected);
                passes_free(&got);
            }
        }
    }
}

static void check_shape(struct conv_shape shape, int batch)
{
    struct data data = data_make(shape, batch);
    struct passes expected = run(&data, CONV_REFERENCE, ISA_GENERIC, 2);
    check_data(&data, &expected);
    passes_free(&expected);
    data_free(&data);
}

/* The same where the convolution normalises, or normalises and activates its input: as if that had been done
 * before. */
static void check_reading(struct conv_shape shape, int batch, bool activate)
{
    size_t channels = (size_t)shape.channels_in;
    struct data data = data_make(shape, batch), before = data_make(shape, batch);
    float *mean = random_floats(channels, 5), *scale = random_floats(channels, 6);
    float *bias = random_floats(channels, 7), *slope = random_floats(channels, 8);
    struct nn_affine affine = {.mean = mean, .scale = scale, .bias = bias};
    for (size_t i = 0; i < data.size.input; i++) {
        size_t c = i % channels;
        float z = (data.input[i] - mean[c]) * scale[c] + bias[c];
        before.input[i] = activate && z < 0.0f ? slope[c] * z : z;
    }
    data.normalise = &affine;
    data.prelu = activate ? slope : NULL;
    struct passes expected = run(&before, CONV_REFERENCE, ISA_GENERIC, 2);
    check_data(&data, &expected);
    passes_free(&expected);
    data_free(&before);
    data_free(&data);
    free(mean);
    free(scale);
    free(bias);
    free(slope);
}

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

/* Sides whose tiles images share, in batches that do and do not fill the mosaic. */
static void test_mosaic(void **state)
{
    (void)state;
    check_shape((struct conv_shape){6, 6, 16, 16, 3, 1}, 9);
    check_shape((struct conv_shape){6, 6, 16, 16, 3, 1}, 16);
    check_shape((struct conv_shape){5, 2, 16, 24, 3, 1}, 7);
    check_shape((struct conv_shape){14, 13, 24, 16, 3, 1}, 3);
    check_shape((struct conv_shape){10, 8, 16, 16, 3, 1}, 6);
}

/* So many weights that the threads share chunks: one chunk, and two. */
static void test_large_weights(void **state)
{
    (void)state;
    check_shape((struct conv_shape){8, 6, 200, 160, 3, 1}, 2);
    check_shape((struct conv_shape){28, 26, 1850, 16, 3, 1}, 1);
}

/* The rounding error where sums are long: the network's own shapes. */
static void test_error_at_realistic_shapes(void **state)
{
    (void)state;
    const struct conv_shape shapes[] = {
        {56, 56, 64, 64, 3, 1}, {28, 28, 128, 128, 3, 1}, {14, 14, 256, 256, 3, 1}, {7, 7, 512, 512, 3, 1}};
    enum isa best;
    assert_int_equal(isa_detect(&best, NULL), STATUS_OK);
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        struct data data = data_make(shapes[i], 1);
        struct passes expected = run(&data, CONV_REFERENCE, ISA_GENERIC, 2);
        for (enum conv_algorithm algorithm = CONV_GEMM; algorithm <= CONV_WINOGRAD; algorithm++) {
            struct passes got = run(&data, algorithm, best, 2);
            print_message("%d@%d %s: forward %.1e, data %.1e, weight %.1e\n", shapes[i].channels_in,
                          shapes[i].height, algorithm == CONV_GEMM ? "gemm" : "winograd",
                          relative_error(got.output, expected.output, data.size.output),
                          relative_error(got.grad_input, expected.grad_input, data.size.input),
                          relative_error(got.grad_weight, expected.grad_weight, data.size.weight));
            check_passes(&data, &got, &expected);
            passes_free(&got);
        }
        passes_free(&expected);
        data_free(&data);
    }
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
        for (enum conv_algorithm algorithm = CONV_REFERENCE; algorithm <= CONV_WINOGRAD; algorithm++) {
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
        for (enum conv_algorithm algorithm = CONV_GEMM; algorithm <= CONV_WINOGRAD; algorithm++) {
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
        for (enum conv_algorithm algorithm = CONV_REFERENCE; algorithm <= CONV_WINOGRAD; algorithm++) {
            if (!algorithm_fits(algorithm, &shapes[i])) {
                continue;
            }
            struct conv *conv = NULL;
            assert_int_equal(conv_create(&shapes[i], algorithm, ISA_GENERIC, 4, 2, false, &conv, NULL),
                             STATUS_OK);
            conv_set_weight(conv, data.weight);
            void *scratch = guarded(conv_scratch_bytes(conv));
            struct passes got = {guarded(data.size.output * sizeof(float)),
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
        struct passes expected = {malloc(data.size.output * sizeof(float)),
                                  malloc(data.size.input * sizeof(float)),
                                  malloc(data.size.weight * sizeof(float))};
        read_floats(file, expected.output, data.size.output);
        read_floats(file, expected.grad_input, data.size.input);
        read_floats(file, expected.grad_weight, data.size.weight);
        for (enum conv_algorithm algorithm = CONV_AUTO; algorithm <= CONV_WINOGRAD; algorithm++) {
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
    assert_int_equal(conv_create(&strided, CONV_WINOGRAD, ISA_GENERIC, 1, 1, false, &conv, &error),
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
    check_choice((struct conv_shape){112, 112, 64, 64, 3, 1}, 16, CONV_WINOGRAD);
    check_choice((struct conv_shape){7, 7, 512, 512, 3, 1}, 16, CONV_WINOGRAD);
    check_choice((struct conv_shape){4, 4, 128, 128, 3, 1}, 64, CONV_WINOGRAD);
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
        cmocka_unit_test(test_mosaic),
        cmocka_unit_test(test_large_weights),
        cmocka_unit_test(test_adjoints),
        cmocka_unit_test(test_same_bits_every_time),
        cmocka_unit_test(test_smaller_batches_add_up),
        cmocka_unit_test(test_error_at_realistic_shapes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
