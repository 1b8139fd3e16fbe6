/* A pass over an activation tensor [rows][channels]: threads take contiguous shares of its row blocks, each
 * block small enough to stay in the first-level cache while several kernels visit it, so that a pass reads
 * and writes main memory once however many kernels it runs.
 *
 * A tensor that a convolution or another pass writes is visited (struct pass_visit) while it is in the cache.
 *
 * Sums over the rows are kept in float within a block, in double across blocks, and threads are added in
 * order. Blocks do not depend on the number of threads.
 */
#ifndef DAIL_WORKER_NN_PASS_H
#define DAIL_WORKER_NN_PASS_H

#include "worker/nn/conv/conv.h"
#include "worker/nn/conv/kernels.h"

#include <stddef.h>

#define PASS_SUMS_MAX 4

/* Rows in a thread's block_sums during a visit; a cache line of its own. */
struct pass_pending {
    _Alignas(64) size_t rows;
};

/* What every layer needs to run: made once per network, all memory its owner's. */
struct pass_context {
    const struct nn_kernels *kernels;
    int threads;
    int channels_max; /* a multiple of 16 */
    float *block_sums; /* [threads][PASS_SUMS_MAX][channels_max] */
    double *thread_sums; /* [threads][PASS_SUMS_MAX][channels_max] */
    double *sums[PASS_SUMS_MAX]; /* [channels_max] each: what the last pass or visit summed */
    struct pass_pending *pending; /* [threads] */
    float *pivot; /* [channels_max] */
    float *offset, *slope; /* [channels_max] each: coefficients of a gradient */
};

/* Does the work of rows [row, row + rows) and adds their sums to sums[k] [channels]. */
typedef void (*pass_block)(const struct nn_kernels *kernels, const void *task, size_t row, size_t rows,
                           float *const sums[PASS_SUMS_MAX]);

/* Runs `block` over all rows; the first `sums` (0..PASS_SUMS_MAX) totals are then in context->sums. */
void pass_run(const struct pass_context *context, size_t rows, int channels, int sums, pass_block block,
              const void *task);

/* The sums of a tensor that is being written: pass_visit_begin; then the visitor goes with the writer, whose
 * threads are the context's; then pass_visit_end, after which the totals are in context->sums. In between no
 * other pass or visit of the context may sum anything. */
struct pass_visit {
    const struct pass_context *context;
    int channels, sums;
    pass_block block; /* writes sums alone */
    const void *task;
    struct conv_visitor visitor; /* set by pass_visit_begin */
};

void pass_visit_begin(struct pass_visit *visit);
void pass_visit_end(const struct pass_visit *visit);

/* All of a tensor that was written before; to the same sums as if pass_run_visited had written it. Begins the
 * visit. */
void pass_visit_all(struct pass_visit *visit, size_t rows);

/* pass_run without sums, writing what `visit` (may be NULL) visits, which this begins. */
void pass_run_visited(const struct pass_context *context, size_t rows, int channels, pass_block block,
                      const void *task, struct pass_visit *visit);

#endif
