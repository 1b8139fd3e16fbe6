#include "worker/nn/linear.h"

#include "worker/nn/conv/gemm.h"

#include <string.h>

/* A thread's share of the inputs or outputs, and its buffer. */
struct share {
    size_t begin, count;
    float *buffer;
};

static struct share share_of(const struct linear *linear, int thread, int total)
{
    size_t count = (size_t)total, part = (size_t)thread, parts = (size_t)linear->threads;
    size_t begin = count * part / parts;
    return (struct share){.begin = begin,
                          .count = count * (part + 1) / parts - begin,
                          .buffer = linear->buffer + part * gemm_buffer_count()};
}

size_t linear_buffer_bytes(int threads)
{
    return (size_t)threads * gemm_buffer_count() * sizeof(float);
}

void linear_forward(const struct linear *linear, int batch, const float *input, const float *weight,
                    const float *bias, float *output)
{
    size_t in = (size_t)linear->in, out = (size_t)linear->out, rows = (size_t)batch;
#pragma omp parallel for schedule(static, 1) num_threads(linear->threads)
    for (int thread = 0; thread < linear->threads; thread++) {
        struct share share = share_of(linear, thread, linear->out);
        for (size_t i = 0; i < rows; i++) {
            memcpy(output + i * out + share.begin, bias + share.begin, share.count * sizeof *bias);
        }
        struct gemm gemm = {.rows = rows,
                            .columns = share.count,
                            .depth = in,
                            .left = {input, in, 1},
                            .right = {weight + share.begin * in, 1, in},
                            .result = output + share.begin,
                            .result_row = out,
                            .add = true};
        gemm_run(linear->isa, &gemm, share.buffer);
    }
}

static void backward_parameters(const struct linear *linear, size_t batch, const float *input,
                                const float *grad_output, float *grad_weight, float *grad_bias)
{
    size_t in = (size_t)linear->in, out = (size_t)linear->out;
#pragma omp parallel for schedule(static, 1) num_threads(linear->threads)
    for (int thread = 0; thread < linear->threads; thread++) {
        struct share share = share_of(linear, thread, linear->out);
        struct gemm gemm = {.rows = share.count,
                            .columns = in,
                            .depth = batch,
                            .left = {grad_output + share.begin, 1, out},
                            .right = {input, in, 1},
                            .result = grad_weight + share.begin * in,
                            .result_row = in,
                            .add = true};
        gemm_run(linear->isa, &gemm, share.buffer);
        for (size_t j = share.begin; j < share.begin + share.count; j++) {
            double sum = 0.0;
            for (size_t i = 0; i < batch; i++) {
                sum += (double)grad_output[i * out + j];
            }
            grad_bias[j] += (float)sum;
        }
    }
}

void linear_backward(const struct linear *linear, int batch, const float *input, const float *weight,
                     const float *grad_output, float *grad_weight, float *grad_bias, float *grad_input)
{
    size_t in = (size_t)linear->in, out = (size_t)linear->out;
    backward_parameters(linear, (size_t)batch, input, grad_output, grad_weight, grad_bias);
#pragma omp parallel for schedule(static, 1) num_threads(linear->threads)
    for (int thread = 0; thread < linear->threads; thread++) {
        struct share share = share_of(linear, thread, linear->in);
        struct gemm gemm = {.rows = (size_t)batch,
                            .columns = share.count,
                            .depth = out,
                            .left = {grad_output, out, 1},
                            .right = {weight + share.begin, in, 1},
                            .result = grad_input + share.begin,
                            .result_row = in};
        gemm_run(linear->isa, &gemm, share.buffer);
    }
}
