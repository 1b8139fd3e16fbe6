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
    if (task->measure) {
        kernels->moments(rows, task->channels, task->output + at, task->pivot, sums[0], sums[1]);
    }
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
        .measure = next,
    };
    if (next) {
        context->kernels->normalise_prelu(1, task.channels, &task.affine, slope, input, context->pivot);
    }
    pass_run(context, rows, norm->channels, next ? 2 : 0, forward_block, &task);
    if (next) {
        batchnorm_take_moments(context, next, rows, output, context->pivot);
    }
}

static void sums_block(const struct nn_kernels *kernels, const void *opaque, size_t row, size_t rows,
                       float *const sums[PASS_SUMS_MAX])
{
    const struct prelu_backward *pass = opaque;
    struct nn_affine affine = batchnorm_affine(pass->norm);
    size_t channels = (size_t)pass->norm->channels, at = row * channels;
    kernels->backward_prelu_sums(rows, channels, &affine, pass->slope, pass->input + at,
                                 pass->grad_output + at, sums[0], sums[1], sums[2]);
}

void prelu_backward_prepare(struct prelu_backward *pass, const struct pass_context *context,
                            const struct batchnorm *norm, const float *slope, float *grad_slope,
                            const float *input, const float *grad_output)
{
    *pass = (struct prelu_backward){.visit = {.context = context,
                                              .channels = norm->channels,
                                              .sums = 3,
                                              .block = sums_block,
                                              .task = pass},
                                    .norm = norm,
                                    .slope = slope,
                                    .grad_slope = grad_slope,
                                    .input = input,
                                    .grad_output = grad_output};
}

struct apply_task {
    size_t channels;
    struct nn_affine affine;
    struct nn_gradient coefficients;
    const float *slope, *input, *grad_output;
    float *grad_input;
};

static void apply_block(const struct nn_kernels *kernels, const void *opaque, size_t row, size_t rows,
                        float *const sums[PASS_SUMS_MAX])
{
    (void)sums;
    const struct apply_task *task = opaque;
    size_t at = row * task->channels;
    kernels->backward_prelu(rows, task->channels, &task->affine, task->slope, &task->coefficients,
                            task->input + at, task->grad_output + at, task->grad_input + at);
}

/* After the sums. */
static void apply(const struct prelu_backward *pass, size_t rows, float *grad_input)
{
    const struct pass_context *context = pass->visit.context;
    size_t channels = (size_t)pass->norm->channels;
    for (size_t c = 0; c < channels; c++) {
        pass->grad_slope[c] += (float)context->sums[2][c];
    }
    struct apply_task task = {
        .channels = channels,
        .affine = batchnorm_affine(pass->norm),
        .coefficients = batchnorm_gradient(context, pass->norm, rows, context->sums[0], context->sums[1]),
        .slope = pass->slope,
        .input = pass->input,
        .grad_output = pass->grad_output,
        .grad_input = grad_input,
    };
    pass_run(context, rows, pass->norm->channels, 0, apply_block, &task);
}

void prelu_backward_end(const struct prelu_backward *pass, size_t rows, float *grad_input)
{
    pass_visit_end(&pass->visit);
    apply(pass, rows, grad_input);
}

void prelu_backward(const struct pass_context *context, const struct batchnorm *norm, const float *slope,
                    float *grad_slope, size_t rows, const float *input, const float *grad_output,
                    float *grad_input)
{
    struct prelu_backward pass;
    prelu_backward_prepare(&pass, context, norm, slope, grad_slope, input, grad_output);
    pass_run(context, rows, norm->channels, 3, sums_block, &pass);
    apply(&pass, rows, grad_input);
}
