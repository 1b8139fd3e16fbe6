/* A pass over an activation tensor [rows][channels]: threads take contiguous shares of its row blocks, each
 * block small enough to stay in the first-level cache while several kernels visit it, so that a pass reads
 * and writes main memory once however many kernels it runs.
 *
 * Sums over the rows are kept in float within a block, in double across blocks, and threads are added in
 * order. Blocks do not depend on the number of threads.
 */
#ifndef DAIL_WORKER_NN_PASS_H
#define DAIL_WORKER_NN_PASS_H

#include "worker/nn/kernels.h"

#include <stddef.h>

#define PASS_SUMS_MAX 3

/* What every layer needs to run: made once per network, all memory its owner's. */
struct pass_context {
    const struct nn_kernels *kernels;
    int threads;
    int channels_max; /* a multiple of 16 */
    float *block_sums; /* [threads][PASS_SUMS_MAX][channels_max] */
    double *thread_sums; /* [threads][PASS_SUMS_MAX][channels_max] */
    double *sums[PASS_SUMS_MAX]; /* [channels_max] each: what the last pass summed */
    float *pivot; /* [channels_max] */
    float *offset, *slope; /* [channels_max] each: coefficients of a gradient */
};

/* Does the work of rows [row, row + rows) and adds their sums to sums[k] [channels]. */
typedef void (*pass_block)(const struct nn_kernels *kernels, const void *task, size_t row, size_t rows,
                           float *const sums[PASS_SUMS_MAX]);

/* Runs `block` over all rows; the first `sums` (0..PASS_SUMS_MAX) totals are then in context->sums. */
void pass_run(const struct pass_context *context, size_t rows, int channels, int sums, pass_block block,
              const void *task);

#endif
