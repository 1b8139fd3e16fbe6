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
    if (task->measure) {
        kernels->moments(rows, task->channels, output, task->pivot, sums[0], sums[1]);
    }
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
        .normalise_shortcut = shortcut_norm,
        .measure = next,
    };
    if (shortcut_norm) {
        task.shortcut_affine = batchnorm_affine(shortcut_norm);
    }
    if (next) {
        add_rows(context->kernels, &task, 0, 1, context->pivot);
    }
    pass_run(context, rows, norm->channels, next ? 2 : 0, forward_block, &task);
    if (next) {
        batchnorm_take_moments(context, next, rows, output, context->pivot);
    }
}

static void sums_block(const struct nn_kernels *kernels, const void *opaque, size_t row, size_t rows,
                       float *const sums[PASS_SUMS_MAX])
{
    const struct residual_backward *pass = opaque;
    size_t channels = (size_t)pass->norm->channels, at = row * channels;
    const float *gradient = pass->grad_output + at;
    if (pass->shortcut_norm) {
        kernels->backward_sums(rows, channels, pass->shortcut_norm->mean, pass->shortcut + at, gradient,
                               sums[2], sums[3]);
    }
    kernels->backward_sums(rows, channels, pass->norm->mean, pass->input + at, gradient, sums[0], sums[1]);
}

void residual_backward_prepare(struct residual_backward *pass, const struct pass_context *context,
                               const struct batchnorm *norm, const float *input, const float *shortcut,
                               const struct batchnorm *shortcut_norm, const float *grad_output)
{
    *pass = (struct residual_backward){.visit = {.context = context,
                                                 .channels = norm->channels,
                                                 .sums = shortcut_norm ? 4 : 2,
                                                 .block = sums_block,
                                                 .task = pass},
                                       .norm = norm,
                                       .shortcut_norm = shortcut_norm,
                                       .input = input,
                                       .shortcut = shortcut,
                                       .grad_output = grad_output};
}

/* After the sums. */
static void apply(const struct residual_backward *pass, size_t rows, float *grad_input, float *grad_shortcut)
{
    const struct pass_context *context = pass->visit.context;
    double *const *sums = context->sums;
    batchnorm_backward_apply(context, pass->norm, rows, sums[0], sums[1], pass->input, pass->grad_output,
                             NULL, grad_input, NULL);
    if (pass->shortcut_norm) {
        batchnorm_backward_apply(context, pass->shortcut_norm, rows, sums[2], sums[3], pass->shortcut,
                                 pass->grad_output, NULL, grad_shortcut, NULL);
    }
}

void residual_backward_end(const struct residual_backward *pass, size_t rows, float *grad_input,
                           float *grad_shortcut)
{
    pass_visit_end(&pass->visit);
    apply(pass, rows, grad_input, grad_shortcut);
}

void residual_backward(const struct pass_context *context, const struct batchnorm *norm, size_t rows,
                       const float *input, const float *shortcut, const struct batchnorm *shortcut_norm,
                       const float *grad_output, float *grad_input, float *grad_shortcut)
{
    struct residual_backward pass;
    residual_backward_prepare(&pass, context, norm, input, shortcut, shortcut_norm, grad_output);
    pass_run(context, rows, norm->channels, pass.visit.sums, sums_block, &pass);
    apply(&pass, rows, grad_input, grad_shortcut);
}
