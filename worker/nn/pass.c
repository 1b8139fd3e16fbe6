#include "worker/nn/pass.h"

/* Three tensors' blocks of this many floats fit a first-level cache of 32 KiB with room for the sums. */
#define BLOCK_FLOATS 2048
/* Rows that a visit sums in float at most, unless it sees more at once. */
#define PENDING_ROWS 64

static size_t block_rows(int channels)
{
    size_t rows = BLOCK_FLOATS / (size_t)channels & ~(size_t)3;
    return rows < 4 ? 4 : rows;
}

/* A thread's sums. */
struct sums {
    float *block[PASS_SUMS_MAX];
    double *total[PASS_SUMS_MAX];
};

static struct sums sums_of(const struct pass_context *context, int thread)
{
    struct sums sums;
    for (int k = 0; k < PASS_SUMS_MAX; k++) {
        size_t at = (size_t)(thread * PASS_SUMS_MAX + k) * (size_t)context->channels_max;
        sums.block[k] = context->block_sums + at;
        sums.total[k] = context->thread_sums + at;
    }
    return sums;
}

static void clear(const struct sums *sums, int count, size_t channels)
{
    for (int k = 0; k < count; k++) {
        for (size_t c = 0; c < channels; c++) {
            sums->block[k][c] = 0.0f;
            sums->total[k][c] = 0.0;
        }
    }
}

static void flush(const struct sums *sums, int count, size_t channels)
{
    for (int k = 0; k < count; k++) {
        for (size_t c = 0; c < channels; c++) {
            sums->total[k][c] += (double)sums->block[k][c];
            sums->block[k][c] = 0.0f;
        }
    }
}

/* The threads' totals, added in their order. */
static void add_threads(const struct pass_context *context, int count, size_t channels)
{
    for (int k = 0; k < count; k++) {
        for (size_t c = 0; c < channels; c++) {
            context->sums[k][c] = 0.0;
        }
    }
    for (int thread = 0; thread < context->threads; thread++) {
        struct sums sums = sums_of(context, thread);
        for (int k = 0; k < count; k++) {
            for (size_t c = 0; c < channels; c++) {
                context->sums[k][c] += sums.total[k][c];
            }
        }
    }
}

static void run_share(const struct pass_context *context, int thread, size_t rows, int channels, int count,
                      pass_block block, const void *task, const struct pass_visit *visit)
{
    size_t step = block_rows(channels), blocks = (rows + step - 1) / step;
    size_t first = blocks * (size_t)thread / (size_t)context->threads;
    size_t end = blocks * ((size_t)thread + 1) / (size_t)context->threads;
    struct sums sums = sums_of(context, thread);
    clear(&sums, count, (size_t)channels);
    for (size_t b = first; b < end; b++) {
        size_t row = b * step, left = rows - row < step ? rows - row : step;
        block(context->kernels, task, row, left, sums.block);
        flush(&sums, count, (size_t)channels);
        if (visit) {
            visit->visitor.written(visit->visitor.context, thread, row, left);
        }
    }
}

static void run(const struct pass_context *context, size_t rows, int channels, int sums, pass_block block,
                const void *task, const struct pass_visit *visit)
{
#pragma omp parallel for schedule(static, 1) num_threads(context->threads)
    for (int thread = 0; thread < context->threads; thread++) {
        run_share(context, thread, rows, channels, sums, block, task, visit);
    }
    add_threads(context, sums, (size_t)channels);
}

void pass_run(const struct pass_context *context, size_t rows, int channels, int sums, pass_block block,
              const void *task)
{
    run(context, rows, channels, sums, block, task, NULL);
}

void pass_run_visited(const struct pass_context *context, size_t rows, int channels, pass_block block,
                      const void *task, struct pass_visit *visit)
{
    if (visit) {
        pass_visit_begin(visit);
    }
    run(context, rows, channels, 0, block, task, visit);
}

static void written(void *opaque, int thread, size_t row, size_t rows)
{
    const struct pass_visit *visit = opaque;
    const struct pass_context *context = visit->context;
    struct sums sums = sums_of(context, thread);
    size_t step = block_rows(visit->channels), end = row + rows;
    for (size_t at = row; at < end; at += step) {
        size_t count = end - at < step ? end - at : step;
        visit->block(context->kernels, visit->task, at, count, sums.block);
        context->pending[thread].rows += count;
        if (context->pending[thread].rows < PENDING_ROWS) {
            continue;
        }
        flush(&sums, visit->sums, (size_t)visit->channels);
        context->pending[thread].rows = 0;
    }
}

void pass_visit_begin(struct pass_visit *visit)
{
    for (int thread = 0; thread < visit->context->threads; thread++) {
        struct sums sums = sums_of(visit->context, thread);
        clear(&sums, visit->sums, (size_t)visit->channels);
        visit->context->pending[thread].rows = 0;
    }
    visit->visitor = (struct conv_visitor){.written = written, .context = visit};
}

void pass_visit_end(const struct pass_visit *visit)
{
    for (int thread = 0; thread < visit->context->threads; thread++) {
        struct sums sums = sums_of(visit->context, thread);
        flush(&sums, visit->sums, (size_t)visit->channels);
    }
    add_threads(visit->context, visit->sums, (size_t)visit->channels);
}

static void write_nothing(const struct nn_kernels *kernels, const void *task, size_t row, size_t rows,
                          float *const sums[PASS_SUMS_MAX])
{
    (void)kernels, (void)task, (void)row, (void)rows, (void)sums;
}

void pass_visit_all(struct pass_visit *visit, size_t rows)
{
    pass_run_visited(visit->context, rows, visit->channels, write_nothing, NULL, visit);
}
