#include "worker/nn/residual.h"

#include <stdbool.h>

struct forward_task {
    size_t channels;
    struct nn_affine affine, shortcut_affine;
    const float *input, *shortcut, *pivot;
    float *output;
    bool normalise_shortcut, measure;
};

static void add_rows(const struct nn_kernels *kernels, const struct forward_task *task, size_t row,
                     size_t rows, float *output)
{
    size_t at = row * task->channels;
    const float *addend = task->shortcut + at;
    if (task->normalise_shortcut) {
        kernels->normalise(rows, task->channels, &task->shortcut_affine, addend, output);
        addend = output;
    }
    kernels->normalise_add(rows, task->channels, &task->affine, task->input + at, addend, output);
}

static void forward_block(const struct nn_kernels *kernels, const void *opaque, size_t row, size_t rows,
                          float *const sums[PASS_SUMS_MAX])
{
    const struct forward_task *task = opaque;
    float *output = task->output + row * task->channels;
    add_rows(kernels, task, row, rows, output);
    if (task->measure)
        kernels->moments(rows, task->channels, output, task->pivot, sums[0], sums[1]);
}

void residual_forward(const struct pass_context *context, const struct batchnorm *norm, size_t rows,
                      const float *input, const float *shortcut, const struct batchnorm *shortcut_norm,
                      float *output, const struct batchnorm *next)
{
    struct forward_task task = {
        .channels = (size_t)norm->channels,
        .affine = batchnorm_affine(norm),
        .input = input,
        .shortcut = shortcut,
        .output = output,
        .pivot = context->pivot,
        .normalise_shortcut = shortcut_norm != NULL,
        .measure = next != NULL,
    };
    if (shortcut_norm)
        task.shortcut_affine = batchnorm_affine(shortcut_norm);
    if (next)
        add_rows(context->kernels, &task, 0, 1, context->pivot);
    pass_run(context, rows, norm->channels, next ? 2 : 0, forward_block, &task);
    if (next)
        batchnorm_take_moments(next, rows, context->pivot, context->sums[0], context->sums[1]);
}

void residual_backward(const struct pass_context *context, const struct batchnorm *norm, size_t rows,
                       const float *input, const float *shortcut, const struct batchnorm *shortcut_norm,
                       const float *grad_output, float *grad_input, float *grad_shortcut)
{
    batchnorm_backward(context, norm, rows, input, grad_output, NULL, grad_input);
    if (shortcut_norm)
        batchnorm_backward(context, shortcut_norm, rows, shortcut, grad_output, NULL, grad_shortcut);
}
