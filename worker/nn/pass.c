#include "worker/nn/pass.h"

/* Three tensors' blocks of this many floats fit a first-level cache of 32 KiB with room for the sums. */
#define BLOCK_FLOATS 2048

static size_t block_rows(int channels)
{
    size_t rows = BLOCK_FLOATS / (size_t)channels & ~(size_t)3;
    return rows < 4 ? 4 : rows;
}

static void flush_block(size_t channels, float *block, double *total)
{
    for (size_t c = 0; c < channels; c++) {
        total[c] += (double)block[c];
        block[c] = 0.0f;
    }
}

static void run_share(const struct pass_context *context, int thread, size_t rows, int channels, int sums,
                      pass_block block, const void *task)
{
    size_t step = block_rows(channels), blocks = (rows + step - 1) / step;
    size_t first = blocks * (size_t)thread / (size_t)context->threads;
    size_t end = blocks * ((size_t)thread + 1) / (size_t)context->threads;
    size_t stride = (size_t)context->channels_max, count = (size_t)channels;
    float *block_sums[PASS_SUMS_MAX];
    double *thread_sums[PASS_SUMS_MAX];
    for (int k = 0; k < PASS_SUMS_MAX; k++) {
        block_sums[k] = context->block_sums + (size_t)(thread * PASS_SUMS_MAX + k) * stride;
        thread_sums[k] = context->thread_sums + (size_t)(thread * PASS_SUMS_MAX + k) * stride;
        for (size_t c = 0; k < sums && c < count; c++) {
            block_sums[k][c] = 0.0f;
            thread_sums[k][c] = 0.0;
        }
    }
    for (size_t b = first; b < end; b++) {
        size_t row = b * step, left = rows - row;
        block(context->kernels, task, row, left < step ? left : step, block_sums);
        for (int k = 0; k < sums; k++)
            flush_block(count, block_sums[k], thread_sums[k]);
    }
}

void pass_run(const struct pass_context *context, size_t rows, int channels, int sums, pass_block block,
              const void *task)
{
#pragma omp parallel for schedule(static, 1) num_threads(context->threads)
    for (int thread = 0; thread < context->threads; thread++)
        run_share(context, thread, rows, channels, sums, block, task);

    for (int k = 0; k < sums; k++)
        for (size_t c = 0; c < (size_t)channels; c++) {
            double total = 0.0;
            for (int thread = 0; thread < context->threads; thread++)
                total +=
                    context
                        ->thread_sums[(size_t)(thread * PASS_SUMS_MAX + k) * (size_t)context->channels_max +
                                      c];
            context->sums[k][c] = total;
        }
}
