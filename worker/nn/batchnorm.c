#include "worker/nn/batchnorm.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

static void take_variance(const struct batchnorm *norm, size_t c, double variance)
{
    double inverse = 1.0 / sqrt(variance + BATCHNORM_EPSILON);
    norm->inverse[c] = (float)inverse;
    norm->scale[c] = (float)(norm->weight ? inverse * (double)norm->weight[c] : inverse);
}

static void take_moments(const struct batchnorm *norm, size_t rows, const float *pivot, const double *sum,
                         const double *square)
{
    double n = (double)rows;
    for (size_t c = 0; c < (size_t)norm->channels; c++) {
        double shift = sum[c] / n;
        double mean = (double)pivot[c] + shift;
        double variance = fmax(square[c] / n - shift * shift, 0.0);
        double unbiased = rows > 1 ? variance * (n / (n - 1.0)) : variance;
        norm->mean[c] = (float)mean;
        take_variance(norm, c, variance);
        norm->batch_mean[c] += (float)mean;
        norm->batch_variance[c] += (float)unbiased;
    }
}

void batchnorm_recall(const struct batchnorm *norm)
{
    for (size_t c = 0; c < (size_t)norm->channels; c++) {
        norm->mean[c] = norm->running_mean[c];
        take_variance(norm, c, (double)norm->running_variance[c]);
    }
}

struct nn_affine batchnorm_affine(const struct batchnorm *norm)
{
    return (struct nn_affine){.mean = norm->mean, .scale = norm->scale, .bias = norm->bias};
}

/* Fewer rows are summed in double: of two or three values that lie close together float sums leave too
 * little, and so few cost nothing. */
enum { ROWS_MANY = 256 };
/* Squared distance from the pivot to the mean, over the variance: of float's 7 digits so much may cancel. */
enum { CANCELLED_MOST = 64 };

static void measure_few(const struct pass_context *context, const struct batchnorm *norm, size_t rows,
                        const float *input)
{
    size_t channels = (size_t)norm->channels;
    double *sum = context->sums[0], *square = context->sums[1];
    memset(sum, 0, channels * sizeof *sum);
    memset(square, 0, channels * sizeof *square);
    for (size_t row = 0; row < rows; row++) {
        const float *x = input + row * channels;
        for (size_t c = 0; c < channels; c++) {
            double distance = (double)x[c] - (double)input[c];
            sum[c] += distance;
            square[c] += distance * distance;
        }
    }
    take_moments(norm, rows, input, sum, square);
}

struct measure_task {
    size_t channels;
    const float *input, *pivot;
};

static void measure_block(const struct nn_kernels *kernels, const void *opaque, size_t row, size_t rows,
                          float *const sums[PASS_SUMS_MAX])
{
    const struct measure_task *task = opaque;
    kernels->moments(rows, task->channels, task->input + row * task->channels, task->pivot, sums[0], sums[1]);
}

static void measure_about(const struct pass_context *context, const struct batchnorm *norm, size_t rows,
                          const float *input, const float *pivot)
{
    struct measure_task task = {.channels = (size_t)norm->channels, .input = input, .pivot = pivot};
    pass_run(context, rows, norm->channels, 2, measure_block, &task);
}

static bool cancels(const struct pass_context *context, const struct batchnorm *norm, size_t rows)
{
    double n = (double)rows;
    for (size_t c = 0; c < (size_t)norm->channels; c++) {
        double shift = context->sums[0][c] / n, variance = context->sums[1][c] / n - shift * shift;
        if (shift * shift > CANCELLED_MOST * (variance + BATCHNORM_EPSILON)) {
            return true;
        }
    }
    return false;
}

void batchnorm_take_moments(const struct pass_context *context, const struct batchnorm *norm, size_t rows,
                            const float *input, const float *pivot)
{
    if (rows < ROWS_MANY) {
        measure_few(context, norm, rows, input);
        return;
    }
    if (cancels(context, norm, rows)) {
        for (size_t c = 0; c < (size_t)norm->channels; c++) {
            context->pivot[c] = (float)((double)pivot[c] + context->sums[0][c] / (double)rows);
        }
        pivot = context->pivot;
        measure_about(context, norm, rows, input, pivot);
    }
    take_moments(norm, rows, pivot, context->sums[0], context->sums[1]);
}

void batchnorm_measure(const struct pass_context *context, const struct batchnorm *norm, size_t rows,
                       const float *input)
{
    if (rows >= ROWS_MANY) {
        measure_about(context, norm, rows, input, input);
    }
    batchnorm_take_moments(context, norm, rows, input, input);
}

static void watch_block(const struct nn_kernels *kernels, const void *opaque, size_t row, size_t rows,
                        float *const sums[PASS_SUMS_MAX])
{
    const struct batchnorm_watch *watch = opaque;
    size_t channels = (size_t)watch->norm->channels;
    kernels->moments(rows, channels, watch->tensor + row * channels, watch->norm->running_mean, sums[0],
                     sums[1]);
}

void batchnorm_watch_prepare(struct batchnorm_watch *watch, const struct pass_context *context,
                             const struct batchnorm *norm, const float *tensor)
{
    *watch = (struct batchnorm_watch){.visit = {.context = context,
                                                .channels = norm->channels,
                                                .sums = 2,
                                                .block = watch_block,
                                                .task = watch},
                                      .norm = norm,
                                      .tensor = tensor};
}

void batchnorm_watch_end(const struct batchnorm_watch *watch, size_t rows)
{
    pass_visit_end(&watch->visit);
    batchnorm_take_moments(watch->visit.context, watch->norm, rows, watch->tensor, watch->norm->running_mean);
}

struct forward_task {
    size_t channels;
    struct nn_affine affine;
    const float *input;
    float *output;
};

static void forward_block(const struct nn_kernels *kernels, const void *opaque, size_t row, size_t rows,
                          float *const sums[PASS_SUMS_MAX])
{
    (void)sums;
    const struct forward_task *task = opaque;
    size_t at = row * task->channels;
    kernels->normalise(rows, task->channels, &task->affine, task->input + at, task->output + at);
}

void batchnorm_forward(const struct pass_context *context, const struct batchnorm *norm, size_t rows,
                       const float *input, float *output)
{
    struct forward_task task = {
        .channels = (size_t)norm->channels,
        .affine = batchnorm_affine(norm),
        .input = input,
        .output = output,
    };
    pass_run(context, rows, norm->channels, 0, forward_block, &task);
}

struct nn_gradient batchnorm_gradient(const struct pass_context *context, const struct batchnorm *norm,
                                      size_t rows, const double *sum, const double *product)
{
    double n = (double)rows;
    for (size_t c = 0; c < (size_t)norm->channels; c++) {
        double inverse = (double)norm->inverse[c], scale = (double)norm->scale[c];
        norm->grad_bias[c] += (float)sum[c];
        if (norm->grad_weight) {
            norm->grad_weight[c] += (float)(product[c] * inverse);
        }
        context->offset[c] = (float)(scale * sum[c] / n);
        context->slope[c] = (float)(scale * inverse * inverse * product[c] / n);
    }
    return (struct nn_gradient){
        .mean = norm->mean, .scale = norm->scale, .offset = context->offset, .slope = context->slope};
}

static void sums_block(const struct nn_kernels *kernels, const void *opaque, size_t row, size_t rows,
                       float *const sums[PASS_SUMS_MAX])
{
    const struct batchnorm_backward *pass = opaque;
    size_t channels = (size_t)pass->norm->channels, at = row * channels;
    kernels->backward_sums(rows, channels, pass->norm->mean, pass->input + at, pass->grad_output + at,
                           sums[0], sums[1]);
}

void batchnorm_backward_prepare(struct batchnorm_backward *pass, const struct pass_context *context,
                                const struct batchnorm *norm, const float *input, const float *grad_output)
{
    *pass = (struct batchnorm_backward){.visit = {.context = context,
                                                  .channels = norm->channels,
                                                  .sums = 2,
                                                  .block = sums_block,
                                                  .task = pass},
                                        .norm = norm,
                                        .input = input,
                                        .grad_output = grad_output};
}

struct apply_task {
    size_t channels;
    struct nn_gradient coefficients;
    const float *input, *grad_output, *addend;
    float *grad_input;
};

static void apply_block(const struct nn_kernels *kernels, const void *opaque, size_t row, size_t rows,
                        float *const sums[PASS_SUMS_MAX])
{
    (void)sums;
    const struct apply_task *task = opaque;
    size_t at = row * task->channels;
    if (task->addend) {
        kernels->backward_add(rows, task->channels, &task->coefficients, task->input + at,
                              task->grad_output + at, task->addend + at, task->grad_input + at);
    } else {
        kernels->backward(rows, task->channels, &task->coefficients, task->input + at, task->grad_output + at,
                          task->grad_input + at);
    }
}

void batchnorm_backward_apply(const struct pass_context *context, const struct batchnorm *norm, size_t rows,
                              const double *sum, const double *product, const float *input,
                              const float *grad_output, const float *addend, float *grad_input,
                              struct pass_visit *below)
{
    struct apply_task task = {
        .channels = (size_t)norm->channels,
        .coefficients = batchnorm_gradient(context, norm, rows, sum, product),
        .input = input,
        .grad_output = grad_output,
        .addend = addend,
        .grad_input = grad_input,
    };
    pass_run_visited(context, rows, norm->channels, apply_block, &task, below);
}

void batchnorm_backward_end(const struct batchnorm_backward *pass, size_t rows, const float *addend,
                            float *grad_input, struct pass_visit *below)
{
    const struct pass_context *context = pass->visit.context;
    pass_visit_end(&pass->visit);
    batchnorm_backward_apply(context, pass->norm, rows, context->sums[0], context->sums[1], pass->input,
                             pass->grad_output, addend, grad_input, below);
}

void batchnorm_backward(const struct pass_context *context, const struct batchnorm *norm, size_t rows,
                        const float *input, const float *grad_output, const float *addend, float *grad_input,
                        struct pass_visit *below)
{
    struct batchnorm_backward pass;
    batchnorm_backward_prepare(&pass, context, norm, input, grad_output);
    pass_run(context, rows, norm->channels, 2, sums_block, &pass);
    batchnorm_backward_apply(context, norm, rows, context->sums[0], context->sums[1], input, grad_output,
                             addend, grad_input, below);
}
