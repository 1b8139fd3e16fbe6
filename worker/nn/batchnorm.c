#include "worker/nn/batchnorm.h"

#include <math.h>

static void take_variance(const struct batchnorm *norm, size_t c, double variance)
{
    double inverse = 1.0 / sqrt(variance + BATCHNORM_EPSILON);
    norm->inverse[c] = (float)inverse;
    norm->scale[c] = (float)(norm->weight ? inverse * (double)norm->weight[c] : inverse);
}

void batchnorm_take_moments(const struct batchnorm *norm, size_t rows, const float *pivot, const double *sum,
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

struct measure_task {
    size_t channels;
    const float *input;
};

static void measure_block(const struct nn_kernels *kernels, const void *opaque, size_t row, size_t rows,
                          float *const sums[PASS_SUMS_MAX])
{
    const struct measure_task *task = opaque;
    kernels->moments(rows, task->channels, task->input + row * task->channels, task->input, sums[0], sums[1]);
}

void batchnorm_measure(const struct pass_context *context, const struct batchnorm *norm, size_t rows,
                       const float *input)
{
    struct measure_task task = {.channels = (size_t)norm->channels, .input = input};
    pass_run(context, rows, norm->channels, 2, measure_block, &task);
    batchnorm_take_moments(norm, rows, input, context->sums[0], context->sums[1]);
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
    const struct pass_context *context = watch->visit.context;
    pass_visit_end(&watch->visit);
    batchnorm_take_moments(watch->norm, rows, watch->norm->running_mean, context->sums[0], context->sums[1]);
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
