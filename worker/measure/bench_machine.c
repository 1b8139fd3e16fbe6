#include "worker/measure/bench_machine.h"

#include "proto/clock.h"
#include "worker/blas.h"
#include "worker/nn/conv/gemm.h"

#include <cblas.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A product whose matrices fit a core's own cache, which run at their best; measured on Zen 4. */
#define SIDE 256
#define PRODUCTS 20
/* Far more than the last cache holds. */
#define COPY_BYTES ((size_t)64 << 20)
/* The best of so many: other programs only ever take away. */
#define TRIALS 40

static void multiply(const float *a, float *c, enum isa isa)
{
    (void)isa;
    for (int i = 0; i < PRODUCTS; i++) {
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, SIDE, SIDE, SIDE, 1.0f, a, SIDE, a, SIDE, 0.0f,
                    c, SIDE);
    }
}

static void multiply_own(const float *a, float *c, enum isa isa)
{
    struct gemm gemm = {.rows = SIDE,
                        .columns = SIDE,
                        .depth = SIDE,
                        .left = {a, SIDE, 1},
                        .right = {a, SIDE, 1},
                        .result = c,
                        .result_row = SIDE};
    for (int i = 0; i < PRODUCTS; i++) {
        gemm_run(isa, &gemm, c + (size_t)SIDE * SIDE);
    }
}

/* What is timed, on so many threads, with memory of each. */
struct work {
    void (*multiply)(const float *a, float *c, enum isa isa);
    enum isa isa;
    float *memory;
    int threads;
};

/* Memory of each thread; touched by it first. */
static float *thread_memory(int threads, size_t bytes)
{
    char *memory = aligned_alloc(4096, (size_t)threads * bytes);
#pragma omp parallel for schedule(static, 1) num_threads(threads)
    for (int thread = 0; thread < threads; thread++) {
        if (memory) {
            memset(memory + (size_t)thread * bytes, 0, bytes);
        }
    }
    return (float *)(void *)memory;
}

static double product_seconds(const struct work *work)
{
    size_t matrix = (size_t)SIDE * SIDE;
    int threads = work->threads;
    double begin = clock_monotonic();
#pragma omp parallel for schedule(static, 1) num_threads(threads)
    for (int thread = 0; thread < threads; thread++) {
        float *own = work->memory + (size_t)thread * (2 * matrix + gemm_buffer_count());
        work->multiply(own, own + matrix, work->isa);
    }
    return clock_monotonic() - begin;
}

static double copy_seconds(const struct work *work)
{
    int threads = work->threads;
    double begin = clock_monotonic();
#pragma omp parallel for schedule(static, 1) num_threads(threads)
    for (int thread = 0; thread < threads; thread++) {
        char *own = (char *)work->memory + (size_t)thread * 2 * COPY_BYTES;
        memcpy(own + COPY_BYTES, own, COPY_BYTES);
    }
    return clock_monotonic() - begin;
}

static double best(double (*seconds)(const struct work *work), const struct work *work)
{
    double least = seconds(work);
    for (int trial = 1; trial < TRIALS; trial++) {
        double again = seconds(work);
        least = again < least ? again : least;
    }
    return least;
}

enum status bench_machine_measure(int threads, struct bench_machine *machine, struct error *error)
{
    struct work work = {.multiply = multiply, .threads = threads};
    enum status status = isa_detect(&work.isa, error);
    if (status != STATUS_OK) {
        return status;
    }
    work.memory = thread_memory(threads, 2 * COPY_BYTES);
    if (!work.memory) {
        return error_no_memory(error, "bench");
    }
    openblas_set_num_threads(1);
    double operations = threads * 2.0 * PRODUCTS * SIDE * SIDE * SIDE;
    machine->openblas_kernel = blas_lesser_kernel();
    machine->openblas = operations / best(product_seconds, &work);
    work.multiply = multiply_own;
    machine->sgemm = fmax(machine->openblas, operations / best(product_seconds, &work));
    machine->copy = threads * 2.0 * (double)COPY_BYTES / best(copy_seconds, &work);
    free(work.memory);
    return STATUS_OK;
}
