/* What the tests of the convolutions share: data, a plan's three passes within guarded memory, and every algorithm
 * on every instruction set of this machine against the reference loops.
 */
#ifndef DAIL_TESTS_UNIT_CONV_CASES_H
#define DAIL_TESTS_UNIT_CONV_CASES_H

#include "worker/nn/conv/conv.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { GUARD = 256, GUARD_BYTE = 0xA5 };

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
    enum conv_algorithm algorithm; /* that made them */
    float *output, *grad_input, *grad_weight;
};

static inline uint64_t random_next(uint64_t *state)
{
    *state += 0x9E3779B97F4A7C15u;
    uint64_t z = *state;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

/* Roughly normal, mean 0, deviation 1. */
static inline float *random_floats(size_t count, uint64_t seed)
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

static inline struct data data_make(struct conv_shape shape, int batch)
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

static inline void data_free(struct data *data)
{
    free(data->input);
    free(data->grad_output);
    free(data->weight);
}

static inline void passes_free(struct passes *passes)
{
    free(passes->output);
    free(passes->grad_input);
    free(passes->grad_weight);
}

/* `bytes` bytes that are not numbers, behind them a guard. */
static inline void *guarded(size_t bytes)
{
    char *memory = aligned_alloc(64, (bytes + GUARD + 63) / 64 * 64);
    assert_non_null(memory);
    memset(memory, 0xFF, bytes);
    memset(memory + bytes, GUARD_BYTE, GUARD);
    return memory;
}

static inline void check_guard(const void *memory, size_t bytes)
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

static inline struct visits visits_begin(size_t size, int channels, const float *tensor)
{
    struct visits visits = {.rows = size / (size_t)channels, .channels = (size_t)channels, .tensor = tensor};
    visits.count = calloc(visits.rows, 1);
    visits.seen = malloc(size * sizeof *visits.seen);
    assert_non_null(visits.count);
    assert_non_null(visits.seen);
    return visits;
}

static inline void on_written(void *context, int thread, size_t row, size_t rows)
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
static inline void visits_check(struct visits *visits)
{
    for (size_t r = 0; r < visits->rows; r++) {
        assert_int_equal(visits->count[r], 1);
    }
    assert_memory_equal(visits->seen, visits->tensor, visits->rows * visits->channels * sizeof(float));
    free(visits->count);
    free(visits->seen);
}

static inline struct passes run(const struct data *data, enum conv_algorithm algorithm, enum isa isa,
                                int threads)
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
    struct passes passes = {conv_algorithm_of(conv), guarded(output), guarded(input), guarded(weight)};
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
static inline double relative_error(const float *got, const float *expected, size_t count)
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

/* What an algorithm's errors, as relative_error has them, stay below. */
static inline double error_bar(enum conv_algorithm algorithm)
{
    switch (algorithm) {
    case CONV_REFERENCE:
    case CONV_GEMM:
        return 3e-6;
    case CONV_WINOGRAD_4:
        return 1e-5;
    case CONV_WINOGRAD_7:
        return 5e-5;
    case CONV_AUTO:
        break;
    }
    return 0.0;
}

static inline void check_close(const char *what, const struct data *data, enum conv_algorithm algorithm,
                               const float *got, const float *expected, size_t count)
{
    double error = relative_error(got, expected, count);
    if (error <= error_bar(algorithm)) {
        return;
    }
    const struct conv_shape *shape = &data->shape;
    print_error("%s by algorithm %d: error %.2e at %dx%dx%d to %d, kernel %d, stride %d, batch %d\n", what,
                (int)algorithm, error, shape->height, shape->width, shape->channels_in, shape->channels_out,
                shape->kernel, shape->stride, data->batch);
    fail();
}

static inline void check_passes(const struct data *data, const struct passes *got,
                                const struct passes *expected)
{
    check_close("forward", data, got->algorithm, got->output, expected->output, data->size.output);
    check_close("backward data", data, got->algorithm, got->grad_input, expected->grad_input,
                data->size.input);
    check_close("backward weight", data, got->algorithm, got->grad_weight, expected->grad_weight,
                data->size.weight);
}

static inline bool isa_available(enum isa isa)
{
    enum isa best;
    return unsetenv("DAIL_ISA") == 0 && isa_detect(&best, NULL) == STATUS_OK && isa <= best;
}

static inline bool algorithm_fits(enum conv_algorithm algorithm, const struct conv_shape *shape)
{
    return (algorithm != CONV_WINOGRAD_4 && algorithm != CONV_WINOGRAD_7) ||
           (shape->kernel == 3 && shape->stride == 1);
}

/* All algorithms, sets and thread counts on these data. */
static inline void check_data(const struct data *data, const struct passes *expected)
{
    for (enum conv_algorithm algorithm = CONV_AUTO; algorithm <= CONV_WINOGRAD_7; algorithm++) {
        for (enum isa isa = ISA_GENERIC; isa < ISA_COUNT; isa++) {
            bool isa_matters = algorithm >= CONV_WINOGRAD_4 || isa == ISA_GENERIC;
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

static inline void check_shape(struct conv_shape shape, int batch)
{
    struct data data = data_make(shape, batch);
    struct passes expected = run(&data, CONV_REFERENCE, ISA_GENERIC, 2);
    check_data(&data, &expected);
    passes_free(&expected);
    data_free(&data);
}

/* The same where the convolution normalises, or normalises and activates its input: as if that had been done
 * before. */
static inline void check_reading(struct conv_shape shape, int batch, bool activate)
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

#endif
