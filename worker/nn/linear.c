#include "worker/nn/linear.h"

#include <cblas.h>
#include <stddef.h>
#include <string.h>

struct share {
    int begin, count;
};

static struct share share_of(int thread, int threads, int total)
{
    int begin = (int)((long long)total * thread / threads);
    int end = (int)((long long)total * (thread + 1) / threads);
    return (struct share){.begin = begin, .count = end - begin};
}

void linear_forward(int threads, int batch, int in, int out, const float *input, const float *weight,
                    const float *bias, float *output)
{
#pragma omp parallel for schedule(static, 1) num_threads(threads)
    for (int thread = 0; thread < threads; thread++) {
        struct share share = share_of(thread, threads, out);
        if (share.count == 0) {
            continue;
        }
        for (int i = 0; i < batch; i++) {
            memcpy(output + (size_t)i * (size_t)out + share.begin, bias + share.begin,
                   (size_t)share.count * sizeof *bias);
        }
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, batch, share.count, in, 1.0f, input, in,
                    weight + (size_t)share.begin * (size_t)in, in, 1.0f, output + share.begin, out);
    }
}

static void backward_parameters(int threads, int batch, int in, int out, const float *input,
                                const float *grad_output, float *grad_weight, float *grad_bias)
{
#pragma omp parallel for schedule(static, 1) num_threads(threads)
    for (int thread = 0; thread < threads; thread++) {
        struct share share = share_of(thread, threads, out);
        if (share.count == 0) {
            continue;
        }
        cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, share.count, in, batch, 1.0f,
                    grad_output + share.begin, out, input, in, 1.0f,
                    grad_weight + (size_t)share.begin * (size_t)in, in);
        for (int j = share.begin; j < share.begin + share.count; j++) {
            double sum = 0.0;
            for (int i = 0; i < batch; i++) {
                sum += (double)grad_output[(size_t)i * (size_t)out + (size_t)j];
            }
            grad_bias[j] += (float)sum;
        }
    }
}

void linear_backward(int threads, int batch, int in, int out, const float *input, const float *weight,
                     const float *grad_output, float *grad_weight, float *grad_bias, float *grad_input)
{
    backward_parameters(threads, batch, in, out, input, grad_output, grad_weight, grad_bias);
#pragma omp parallel for schedule(static, 1) num_threads(threads)
    for (int thread = 0; thread < threads; thread++) {
        struct share share = share_of(thread, threads, in);
        if (share.count == 0) {
            continue;
        }
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, batch, share.count, out, 1.0f, grad_output,
                    out, weight + share.begin, in, 0.0f, grad_input + share.begin, in);
    }
}
