/* The layers between the convolutions against a plain double-precision forward pass written here, and its
 * gradients taken by finite differences. */
#include "worker/nn/batchnorm.h"
#include "worker/nn/dropout.h"
#include "worker/nn/linear.h"
#include "worker/nn/prelu.h"
#include "worker/nn/residual.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define CHANNELS_MAX 64
#define ROWS_MAX 600
#define THREADS_MAX 3

static uint64_t draw_state;

/* Uniform in [-1, 1). */
static float draw(void)
{
    draw_state = draw_state * 6364136223846793005u + 1442695040888963407u;
    return (float)(int64_t)(draw_state >> 40) / 8388608.0f - 1.0f;
}

static void fill(float *values, size_t count, float offset, float scale)
{
    for (size_t i = 0; i < count; i++) {
        values[i] = offset + scale * draw();
    }
}

/* A layer's memory, for the largest tensor of these tests. */
struct bench {
    struct pass_context context;
    float block_sums[THREADS_MAX * PASS_SUMS_MAX * CHANNELS_MAX];
    double thread_sums[THREADS_MAX * PASS_SUMS_MAX * CHANNELS_MAX], sums[PASS_SUMS_MAX][CHANNELS_MAX];
    struct pass_pending pending[THREADS_MAX];
    float pivot[CHANNELS_MAX], offset[CHANNELS_MAX], slope[CHANNELS_MAX];
};

static void bench_init(struct bench *bench, enum isa isa, int threads)
{
    bench->context = (struct pass_context){
        .kernels = nn_kernels_of(isa),
        .threads = threads,
        .channels_max = CHANNELS_MAX,
        .block_sums = bench->block_sums,
        .thread_sums = bench->thread_sums,
        .sums = {bench->sums[0], bench->sums[1], bench->sums[2], bench->sums[3]},
        .pending = bench->pending,
        .pivot = bench->pivot,
        .offset = bench->offset,
        .slope = bench->slope,
    };
}

struct norm_memory {
    float weight[CHANNELS_MAX], bias[CHANNELS_MAX], grad_weight[CHANNELS_MAX], grad_bias[CHANNELS_MAX];
    float running_mean[CHANNELS_MAX], running_variance[CHANNELS_MAX];
    float batch_mean[CHANNELS_MAX], batch_variance[CHANNELS_MAX];
    float mean[CHANNELS_MAX], inverse[CHANNELS_MAX], scale[CHANNELS_MAX];
};

static struct batchnorm norm_init(struct norm_memory *memory, int channels)
{
    memset(memory, 0, sizeof *memory);
    fill(memory->weight, CHANNELS_MAX, 1.0f, 0.5f);
    fill(memory->bias, CHANNELS_MAX, 0.0f, 0.5f);
    fill(memory->running_mean, CHANNELS_MAX, 0.0f, 0.5f);
    fill(memory->running_variance, CHANNELS_MAX, 1.0f, 0.5f);
    return (struct batchnorm){
        .channels = channels,
        .weight = memory->weight,
        .bias = memory->bias,
        .grad_weight = memory->grad_weight,
        .grad_bias = memory->grad_bias,
        .running_mean = memory->running_mean,
        .running_variance = memory->running_variance,
        .batch_mean = memory->batch_mean,
        .batch_variance = memory->batch_variance,
        .mean = memory->mean,
        .inverse = memory->inverse,
        .scale = memory->scale,
    };
}

/* --- The plain forward pass in double --- */

struct reference {
    size_t rows, channels;
    double input[24 * 24], weight[24], bias[24];
    bool prelu;
    double slope[24];
};

static double reference_mean(const struct reference *r, size_t c)
{
    double sum = 0.0;
    for (size_t i = 0; i < r->rows; i++) {
        sum += r->input[i * r->channels + c];
    }
    return sum / (double)r->rows;
}

static double reference_variance(const struct reference *r, size_t c, double divisor)
{
    double mean = reference_mean(r, c), sum = 0.0;
    for (size_t i = 0; i < r->rows; i++) {
        sum += pow(r->input[i * r->channels + c] - mean, 2.0);
    }
    return sum / divisor;
}

static void reference_forward(const struct reference *r, double *output)
{
    for (size_t c = 0; c < r->channels; c++) {
        double mean = reference_mean(r, c), variance = reference_variance(r, c, (double)r->rows);
        for (size_t i = 0; i < r->rows; i++) {
            double x = r->input[i * r->channels + c];
            double z = (x - mean) / sqrt(variance + 1e-5) * r->weight[c] + r->bias[c];
            output[i * r->channels + c] = r->prelu && z <= 0.0 ? r->slope[c] * z : z;
        }
    }
}

static double reference_loss(const struct reference *r, const float *factor)
{
    double output[24 * 24], loss = 0.0;
    reference_forward(r, output);
    for (size_t i = 0; i < r->rows * r->channels; i++) {
        loss += output[i] * (double)factor[i];
    }
    return loss;
}

/* d loss / d *variable, a member of `r`. */
static double difference(struct reference *r, double *variable, const float *factor)
{
    const double step = 1e-5;
    double value = *variable;
    *variable = value + step;
    double above = reference_loss(r, factor);
    *variable = value - step;
    double below = reference_loss(r, factor);
    *variable = value;
    return (above - below) / (2.0 * step);
}

static struct reference reference_of(const struct batchnorm *norm, size_t rows, const float *input,
                                     const float *slope)
{
    struct reference r = {.rows = rows, .channels = (size_t)norm->channels, .prelu = slope};
    for (size_t i = 0; i < rows * r.channels; i++) {
        r.input[i] = (double)input[i];
    }
    for (size_t c = 0; c < r.channels; c++) {
        r.weight[c] = norm->weight ? (double)norm->weight[c] : 1.0;
        r.bias[c] = (double)norm->bias[c];
        r.slope[c] = slope ? (double)slope[c] : 1.0;
    }
    return r;
}

#define assert_near(value, expected, tolerance)                                                              \
    do {                                                                                                     \
        double near_value = (double)(value), near_expected = (double)(expected);                             \
        if (!(fabs(near_value - near_expected) <= (tolerance)))                                              \
            fail_msg("%s is %.9g, expected %.9g", #value, near_value, near_expected);                        \
    } while (0)

static const int channel_counts[] = {1, 8, 16, 24};
static const size_t row_counts[] = {2, 7, 24};

/* --- Batch normalisation --- */

static void check_norm_backward(struct bench *bench, struct batchnorm *norm, size_t rows, const float *input)
{
    float factor[24 * 24], addend[24 * 24], gradient[24 * 24];
    size_t count = rows * (size_t)norm->channels;
    fill(factor, count, 0.0f, 1.0f);
    fill(addend, count, 0.0f, 1.0f);
    fill(norm->grad_bias, CHANNELS_MAX, 0.0f, 1.0f);
    float bias_before[CHANNELS_MAX], weight_before[CHANNELS_MAX];
    memcpy(bias_before, norm->grad_bias, sizeof bias_before);
    if (norm->grad_weight) {
        memcpy(weight_before, norm->grad_weight, sizeof weight_before);
    }

    batchnorm_backward(&bench->context, norm, rows, input, factor, addend, gradient, NULL);

    struct reference r = reference_of(norm, rows, input, NULL);
    for (size_t i = 0; i < count; i++) {
        assert_near(gradient[i] - addend[i], difference(&r, &r.input[i], factor), 2e-5);
    }
    for (size_t c = 0; c < r.channels; c++) {
        assert_near(norm->grad_bias[c] - bias_before[c], difference(&r, &r.bias[c], factor), 2e-5);
        if (norm->grad_weight) {
            assert_near(norm->grad_weight[c] - weight_before[c], difference(&r, &r.weight[c], factor), 2e-5);
        }
    }
    /* In place, and without the addend. */
    float same[24 * 24];
    memcpy(same, factor, sizeof same);
    batchnorm_backward(&bench->context, norm, rows, input, same, NULL, same, NULL);
    for (size_t i = 0; i < count; i++) {
        assert_near(same[i], gradient[i] - addend[i], 1e-6);
    }
}

static void test_batchnorm(void **state)
{
    (void)state;
    static struct bench bench;
    for (size_t k = 0; k < sizeof channel_counts / sizeof *channel_counts; k++) {
        for (size_t j = 0; j < sizeof row_counts / sizeof *row_counts; j++) {
            for (int fixed = 0; fixed < 2; fixed++) {
                size_t rows = row_counts[j];
                struct norm_memory memory;
                struct batchnorm norm = norm_init(&memory, channel_counts[k]);
                if (fixed) {
                    norm.weight = NULL;
                    norm.grad_weight = NULL;
                }
                float input[24 * 24], output[24 * 24];
                double expected[24 * 24];
                fill(input, rows * (size_t)norm.channels, 0.3f, 1.5f);
                bench_init(&bench, ISA_GENERIC, 2);
                memory.batch_mean[0] = 4.0f;
                batchnorm_measure(&bench.context, &norm, rows, input);
                batchnorm_forward(&bench.context, &norm, rows, input, output);

                struct reference r = reference_of(&norm, rows, input, NULL);
                reference_forward(&r, expected);
                for (size_t i = 0; i < rows * r.channels; i++) {
                    assert_near(output[i], expected[i], 1e-5);
                }
                for (size_t c = 0; c < r.channels; c++) {
                    assert_near(memory.batch_mean[c], reference_mean(&r, c) + (c == 0 ? 4.0 : 0.0), 1e-6);
                    assert_near(memory.batch_variance[c], reference_variance(&r, c, (double)rows - 1.0),
                                2e-6);
                }
                if (rows > 2) {
                    check_norm_backward(&bench, &norm, rows, input);
                }
            }
        }
    }
}

static void test_batchnorm_running(void **state)
{
    (void)state;
    static struct bench bench;
    bench_init(&bench, ISA_GENERIC, 1);
    struct norm_memory memory;
    struct batchnorm norm = norm_init(&memory, 8);
    float input[16], output[16];
    fill(input, 16, 0.0f, 2.0f);
    batchnorm_recall(&norm);
    batchnorm_forward(&bench.context, &norm, 2, input, output);
    for (size_t i = 0; i < 16; i++) {
        size_t c = i % 8;
        double z = ((double)input[i] - (double)memory.running_mean[c]) /
                       sqrt((double)memory.running_variance[c] + 1e-5) * (double)memory.weight[c] +
                   (double)memory.bias[c];
        assert_near(output[i], z, 1e-6);
    }
}

/* A mean a thousand times the deviation must not cost the variance its digits. */
static void test_batchnorm_offset(void **state)
{
    (void)state;
    static struct bench bench;
    static float input[ROWS_MAX * 8];
    bench_init(&bench, ISA_GENERIC, 2);
    struct norm_memory memory;
    struct batchnorm norm = norm_init(&memory, 8);
    fill(input, ROWS_MAX * 8, 1000.0f, 1.0f);
    batchnorm_measure(&bench.context, &norm, ROWS_MAX, input);
    for (size_t c = 0; c < 8; c++) {
        double sum = 0.0, square = 0.0;
        for (size_t i = 0; i < ROWS_MAX; i++) {
            sum += (double)input[i * 8 + c];
        }
        for (size_t i = 0; i < ROWS_MAX; i++) {
            square += pow((double)input[i * 8 + c] - sum / ROWS_MAX, 2.0);
        }
        double inverse = 1.0 / sqrt(square / ROWS_MAX + 1e-5);
        assert_near(memory.inverse[c], inverse, 1e-6 * inverse);
    }
    /* One value throughout: no variance, and nothing that is not finite. */
    fill(input, ROWS_MAX * 8, 3.0f, 0.0f);
    batchnorm_measure(&bench.context, &norm, ROWS_MAX, input);
    assert_near(memory.inverse[0], 1.0 / sqrt(1e-5), 1e-3);
}

static void check_statistics(const struct norm_memory *memory, size_t rows, size_t channels,
                             const float *input)
{
    for (size_t c = 0; c < channels; c++) {
        double sum = 0.0, square = 0.0;
        for (size_t i = 0; i < rows; i++) {
            sum += (double)input[i * channels + c];
        }
        for (size_t i = 0; i < rows; i++) {
            square += pow((double)input[i * channels + c] - sum / (double)rows, 2.0);
        }
        double inverse = 1.0 / sqrt(square / (double)rows + 1e-5);
        assert_near(memory->mean[c], sum / (double)rows, 1e-6 * fabs(sum / (double)rows));
        assert_near(memory->inverse[c], inverse, 1e-6 * inverse);
        assert_near(memory->batch_variance[c], square / ((double)rows - 1.0),
                    3e-6 * square / ((double)rows - 1.0));
    }
}

/* Two or three values close together, and more of them, far from the running mean. */
static void test_batchnorm_far_from_running_mean(void **state)
{
    (void)state;
    static struct bench bench;
    static float input[ROWS_MAX * 8];
    const size_t rows[] = {2, 3, 5, 255, 256, ROWS_MAX};
    const float spreads[] = {1e-3f, 1e-2f, 1.0f};
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        for (size_t j = 0; j < sizeof spreads / sizeof *spreads; j++) {
            struct norm_memory memory;
            struct batchnorm norm = norm_init(&memory, 8);
            struct batchnorm_watch watch;
            fill(input, rows[k] * 8, 5.0f, spreads[j]);
            bench_init(&bench, ISA_GENERIC, 1);
            batchnorm_watch_prepare(&watch, &bench.context, &norm, input);
            pass_visit_begin(&watch.visit);
            watch.visit.visitor.written(watch.visit.visitor.context, 0, 0, rows[k]);
            batchnorm_watch_end(&watch, rows[k]);
            check_statistics(&memory, rows[k], 8, input);
        }
    }
}

/* The first row, about which a tensor is measured, far from all others. */
static void test_batchnorm_first_row_apart(void **state)
{
    (void)state;
    static struct bench bench;
    static float input[ROWS_MAX * 8];
    struct norm_memory memory;
    struct batchnorm norm = norm_init(&memory, 8);
    fill(input, ROWS_MAX * 8, 0.5f, 0.1f);
    fill(input, 8, 30.0f, 1.0f);
    bench_init(&bench, ISA_GENERIC, 2);
    batchnorm_measure(&bench.context, &norm, ROWS_MAX, input);
    check_statistics(&memory, ROWS_MAX, 8, input);
}

/* --- PReLU --- */

static void test_prelu(void **state)
{
    (void)state;
    static struct bench bench;
    for (size_t k = 0; k < sizeof channel_counts / sizeof *channel_counts; k++) {
        size_t rows = 23;
        struct norm_memory memory, next_memory;
        struct batchnorm norm = norm_init(&memory, channel_counts[k]);
        struct batchnorm next = norm_init(&next_memory, channel_counts[k]);
        size_t count = rows * (size_t)norm.channels;
        float slope[24], grad_slope[24], input[24 * 24], output[24 * 24], factor[24 * 24], gradient[24 * 24];
        double expected[24 * 24];
        fill(slope, 24, 0.25f, 0.2f);
        fill(input, count, -0.2f, 1.0f);
        fill(factor, count, 0.0f, 1.0f);
        fill(grad_slope, 24, 0.0f, 0.0f);
        bench_init(&bench, ISA_GENERIC, 3);
        batchnorm_measure(&bench.context, &norm, rows, input);
        prelu_forward(&bench.context, &norm, slope, rows, input, output, &next);

        struct reference r = reference_of(&norm, rows, input, slope);
        reference_forward(&r, expected);
        for (size_t i = 0; i < count; i++) {
            assert_near(output[i], expected[i], 1e-5);
        }
        struct reference after = reference_of(&next, rows, output, NULL);
        for (size_t c = 0; c < r.channels; c++) {
            assert_near(next_memory.mean[c], reference_mean(&after, c), 1e-6);
            assert_near(next_memory.batch_variance[c], reference_variance(&after, c, (double)rows - 1.0),
                        2e-6);
        }

        prelu_backward(&bench.context, &norm, slope, grad_slope, rows, input, factor, gradient);
        for (size_t i = 0; i < count; i++) {
            assert_near(gradient[i], difference(&r, &r.input[i], factor), 2e-5);
        }
        for (size_t c = 0; c < r.channels; c++) {
            assert_near(grad_slope[c], difference(&r, &r.slope[c], factor), 2e-5);
            assert_near(memory.grad_weight[c], difference(&r, &r.weight[c], factor), 2e-5);
            assert_near(memory.grad_bias[c], difference(&r, &r.bias[c], factor), 2e-5);
        }
    }
}

/* --- Residual --- */

static void test_residual(void **state)
{
    (void)state;
    static struct bench bench;
    const size_t rows = 19, count = 19 * 24;
    for (int with_norm = 0; with_norm < 2; with_norm++) {
        struct norm_memory memory, shortcut_memory, next_memory;
        struct batchnorm norm = norm_init(&memory, 24), shortcut_norm = norm_init(&shortcut_memory, 24);
        struct batchnorm next = norm_init(&next_memory, 24);
        float input[24 * 24], shortcut[24 * 24], output[24 * 24], factor[24 * 24];
        float grad_input[24 * 24], grad_shortcut[24 * 24];
        double main_branch[24 * 24], other_branch[24 * 24];
        fill(input, count, 0.1f, 1.0f);
        fill(shortcut, count, -0.1f, 2.0f);
        fill(factor, count, 0.0f, 1.0f);
        bench_init(&bench, ISA_GENERIC, 2);
        batchnorm_measure(&bench.context, &norm, rows, input);
        batchnorm_measure(&bench.context, &shortcut_norm, rows, shortcut);
        const struct batchnorm *used = with_norm ? &shortcut_norm : NULL;
        residual_forward(&bench.context, &norm, rows, input, shortcut, used, output, &next);

        struct reference r = reference_of(&norm, rows, input, NULL);
        struct reference s = reference_of(&shortcut_norm, rows, shortcut, NULL);
        reference_forward(&r, main_branch);
        reference_forward(&s, other_branch);
        for (size_t i = 0; i < count; i++) {
            assert_near(output[i], main_branch[i] + (with_norm ? other_branch[i] : (double)shortcut[i]),
                        1e-5);
        }
        struct reference after = reference_of(&next, rows, output, NULL);
        for (size_t c = 0; c < r.channels; c++) {
            assert_near(next_memory.mean[c], reference_mean(&after, c), 1e-6);
        }

        residual_backward(&bench.context, &norm, rows, input, shortcut, used, factor, grad_input,
                          grad_shortcut);
        for (size_t i = 0; i < count; i++) {
            assert_near(grad_input[i], difference(&r, &r.input[i], factor), 2e-5);
            if (with_norm) {
                assert_near(grad_shortcut[i], difference(&s, &s.input[i], factor), 2e-5);
            }
        }
    }
}

/* --- Linear and dropout --- */

static void test_linear(void **state)
{
    (void)state;
    enum { BATCH = 5, IN = 309, OUT = 21 };
    enum isa best;
    assert_int_equal(isa_detect(&best, NULL), STATUS_OK);
    for (int threads = 1; threads <= 3; threads++) {
        struct linear linear = {.isa = threads == 2 ? ISA_GENERIC : best,
                                .threads = threads,
                                .in = IN,
                                .out = OUT,
                                .buffer = aligned_alloc(64, linear_buffer_bytes(threads))};
        assert_non_null(linear.buffer);
        float input[BATCH * IN], weight[OUT * IN], bias[OUT], output[BATCH * OUT], grad_output[BATCH * OUT];
        float grad_input[BATCH * IN], grad_weight[OUT * IN], grad_bias[OUT];
        fill(input, BATCH * IN, 0.0f, 1.0f);
        fill(weight, OUT * IN, 0.0f, 1.0f);
        fill(bias, OUT, 0.0f, 1.0f);
        fill(grad_output, BATCH * OUT, 0.0f, 1.0f);
        fill(grad_weight, OUT * IN, 2.0f, 0.0f);
        fill(grad_bias, OUT, 3.0f, 0.0f);
        linear_forward(&linear, BATCH, input, weight, bias, output);
        linear_backward(&linear, BATCH, input, weight, grad_output, grad_weight, grad_bias, grad_input);
        free(linear.buffer);
        for (int b = 0; b < BATCH; b++) {
            for (int o = 0; o < OUT; o++) {
                double sum = (double)bias[o];
                for (int i = 0; i < IN; i++) {
                    sum += (double)input[b * IN + i] * (double)weight[o * IN + i];
                }
                assert_near(output[b * OUT + o], sum, 3e-5);
            }
        }
        for (int o = 0; o < OUT; o++) {
            double bias_sum = 3.0;
            for (int b = 0; b < BATCH; b++) {
                bias_sum += (double)grad_output[b * OUT + o];
            }
            assert_near(grad_bias[o], bias_sum, 1e-5);
            for (int i = 0; i < IN; i++) {
                double sum = 2.0;
                for (int b = 0; b < BATCH; b++) {
                    sum += (double)grad_output[b * OUT + o] * (double)input[b * IN + i];
                }
                assert_near(grad_weight[o * IN + i], sum, 1e-5);
            }
        }
        for (int b = 0; b < BATCH; b++) {
            for (int i = 0; i < IN; i++) {
                double sum = 0.0;
                for (int o = 0; o < OUT; o++) {
                    sum += (double)grad_output[b * OUT + o] * (double)weight[o * IN + i];
                }
                assert_near(grad_input[b * IN + i], sum, 1e-5);
            }
        }
    }
}

static void test_dropout(void **state)
{
    (void)state;
    enum { BATCH = 3, POSITIONS = 4, CHANNELS = 8, COUNT = POSITIONS * CHANNELS };
    float mask[BATCH * COUNT], values[BATCH * COUNT], gradient[BATCH * COUNT];
    fill(values, BATCH * COUNT, 0.0f, 1.0f);
    fill(mask, BATCH * COUNT, 0.0f, 1.0f);
    float before[BATCH * COUNT];
    memcpy(before, values, sizeof before);
    memcpy(gradient, values, sizeof gradient);
    dropout_forward(2, BATCH, POSITIONS, CHANNELS, mask, values);
    dropout_backward(2, BATCH, POSITIONS, CHANNELS, mask, gradient);
    for (int b = 0; b < BATCH; b++) {
        for (int p = 0; p < POSITIONS; p++) {
            for (int c = 0; c < CHANNELS; c++) {
                int here = b * COUNT + p * CHANNELS + c;
                float expected = before[here] * mask[b * COUNT + c * POSITIONS + p];
                assert_near(values[here], expected, 0.0);
                assert_near(gradient[here], expected, 0.0);
            }
        }
    }
    dropout_forward(2, BATCH, POSITIONS, CHANNELS, NULL, values);
    assert_memory_equal(values, gradient, sizeof values);
}

/* --- Instruction sets and threads --- */

/* Everything a chain of passes produces, to be compared. */
struct outcome {
    struct norm_memory memory, next;
    float output[ROWS_MAX * CHANNELS_MAX], gradient[ROWS_MAX * CHANNELS_MAX], slope[CHANNELS_MAX];
};

static void run_chain(enum isa isa, int threads, int channels, struct outcome *outcome)
{
    static struct bench bench;
    static float input[ROWS_MAX * CHANNELS_MAX], factor[ROWS_MAX * CHANNELS_MAX];
    memset(outcome, 0, sizeof *outcome);
    draw_state = 7;
    struct batchnorm norm = norm_init(&outcome->memory, channels), next = norm_init(&outcome->next, channels);
    float slope[CHANNELS_MAX];
    fill(slope, CHANNELS_MAX, 0.25f, 0.2f);
    fill(input, ROWS_MAX * CHANNELS_MAX, 0.5f, 1.0f);
    fill(factor, ROWS_MAX * CHANNELS_MAX, 0.1f, 1.0f);
    bench_init(&bench, isa, threads);
    batchnorm_measure(&bench.context, &norm, ROWS_MAX, input);
    prelu_forward(&bench.context, &norm, slope, ROWS_MAX, input, outcome->output, &next);
    batchnorm_backward(&bench.context, &next, ROWS_MAX, outcome->output, factor, factor, outcome->gradient,
                       NULL);
    prelu_backward(&bench.context, &norm, slope, outcome->slope, ROWS_MAX, input, outcome->gradient,
                   outcome->gradient);
}

static void assert_same(const float *a, const float *b, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        assert_near(a[i], b[i], 1e-5 * fmax(1.0, fabs((double)b[i])));
    }
}

static void test_sets_and_threads(void **state)
{
    (void)state;
    static struct outcome plain, other, again;
    static const int counts[] = {8, 24, 40, 64};
    for (size_t k = 0; k < sizeof counts / sizeof *counts; k++) {
        run_chain(ISA_GENERIC, 1, counts[k], &plain);
        for (int isa = ISA_GENERIC; isa < ISA_COUNT; isa++) {
            setenv("DAIL_ISA", isa_name((enum isa)isa), 1);
            enum isa found;
            if (isa_detect(&found, NULL) != STATUS_OK) {
                print_message("skipped %s: this machine cannot run it\n", isa_name((enum isa)isa));
                continue;
            }
            for (int threads = 1; threads <= THREADS_MAX; threads++) {
                run_chain(found, threads, counts[k], &other);
                run_chain(found, threads, counts[k], &again);
                assert_memory_equal(&other, &again, sizeof other);
                assert_same(other.output, plain.output, ROWS_MAX * (size_t)counts[k]);
                assert_same(other.gradient, plain.gradient, ROWS_MAX * (size_t)counts[k]);
                assert_same(other.slope, plain.slope, (size_t)counts[k]);
                assert_same(other.memory.grad_weight, plain.memory.grad_weight, (size_t)counts[k]);
                assert_same(other.next.batch_variance, plain.next.batch_variance, (size_t)counts[k]);
            }
        }
    }
    unsetenv("DAIL_ISA");
}

int main(void)
{
    draw_state = 42;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_batchnorm),
        cmocka_unit_test(test_batchnorm_running),
        cmocka_unit_test(test_batchnorm_offset),
        cmocka_unit_test(test_batchnorm_far_from_running_mean),
        cmocka_unit_test(test_batchnorm_first_row_apart),
        cmocka_unit_test(test_prelu),
        cmocka_unit_test(test_residual),
        cmocka_unit_test(test_linear),
        cmocka_unit_test(test_dropout),
        cmocka_unit_test(test_sets_and_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
