#include "worker/nn/prelu.h"

#include <stdbool.h>

struct forward_task {
    size_t channels;
    struct nn_affine affine;
    const float *slope, *input, *pivot;
    float *output;
    bool measure;
};

static void forward_block(const struct nn_kernels *kernels, const void *opaque, size_t row, size_t rows,
                          float *const sums[PASS_SUMS_MAX])
{
    const struct forward_task *task = opaque;
    size_t at = row * task->channels;
    kernels->normalise_prelu(rows, task->channels, &task->affine, task->slope, task->input + at,
                             task->output + at);
    if (task->measure)
        kernels->moments(rows, task->channels, task->output + at, task->pivot, sums[0], sums[1]);
}

void prelu_forward(const struct pass_context *context, const struct batchnorm *norm, const float *slope,
                   size_t rows, const float *input, float *output, const struct batchnorm *next)
{
    struct forward_task task = {
        .channels = (size_t)norm->channels,
        .affine = batchnorm_affine(norm),
        .slope = slope,
        .input = input,
        .output = output,
        .pivot = context->pivot,
        .measure = next != NULL,
    };
    if (next)
        context->kernels->normalise_prelu(1, task.channels, &task.affine, slope, input, context->pivot);
    pass_run(context, rows, norm->channels, next ? 2 : 0, forward_block, &task);
    if (next)
        batchnorm_take_moments(next, rows, context->pivot, context->sums[0], context->sums[1]);
}

struct backward_task {
    size_t channels;
    struct nn_affine affine;
    struct nn_gradient coefficients;
    const float *slope, *input, *grad_output;
    float *grad_input;
};

static void sums_block(const struct nn_kernels *kernels, const void *opaque, size_t row, size_t rows,
                       float *const sums[PASS_SUMS_MAX])
{
    const struct backward_task *task = opaque;
    size_t at = row * task->channels;
    kernels->backward_prelu_sums(rows, task->channels, &task->affine, task->slope, task->input + at,
                                 task->grad_output + at, sums[0], sums[1], sums[2]);
}

static void backward_block(const struct nn_kernels *kernels, const void *opaque, size_t row, size_t rows,
                           float *const sums[PASS_SUMS_MAX])
{
    (void)sums;
    const struct backward_task *task = opaque;
    size_t at = row * task->channels;
    kernels->backward_prelu(rows, task->channels, &task->affine, task->slope, &task->coefficients,
                            task->input + at, task->grad_output + at, task->grad_input + at);
}

void prelu_backward(const struct pass_context *context, const struct batchnorm *norm, const float *slope,
                    float *grad_slope, size_t rows, const float *input, const float *grad_output,
                    float *grad_input)
{
    struct backward_task task = {
        .channels = (size_t)norm->channels,
        .affine = batchnorm_affine(norm),
        .slope = slope,
        .input = input,
        .grad_output = grad_output,
        .grad_input = grad_input,
    };
    pass_run(context, rows, norm->channels, 3, sums_block, &task);
    for (size_t c = 0; c < task.channels; c++)
        grad_slope[c] += (float)context->sums[2][c];
    task.coefficients = batchnorm_gradient(context, norm, rows, context->sums[0], context->sums[1]);
    pass_run(context, rows, norm->channels, 0, backward_block, &task);
}
