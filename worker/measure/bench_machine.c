#include "worker/measure/bench_machine.h"

#include "proto/clock.h"
#include "worker/trainer.h"

#include <cblas.h>
#include <stdlib.h>
#include <string.h>

/* A product whose matrices fit a core's own cache, which sgemm runs at its best; measured on Zen 4. */
#define SIDE 256
#define PRODUCTS 20
/* Far more than the last cache holds. */
#define COPY_BYTES ((size_t)64 << 20)
/* The best of so many: other programs only ever take away. */
#define TRIALS 40

static void multiply(const float *a, float *c)
{
    for (int i = 0; i < PRODUCTS; i++) {
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, SIDE, SIDE, SIDE, 1.0f, a, SIDE, a, SIDE, 0.0f,
                    c, SIDE);
    }
}

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

static double sgemm_seconds(float *memory, int threads)
{
    size_t matrix = (size_t)SIDE * SIDE;
    double begin = clock_monotonic();
#pragma omp parallel for schedule(static, 1) num_threads(threads)
    for (int thread = 0; thread < threads; thread++) {
        float *own = memory + (size_t)thread * 2 * matrix;
        multiply(own, own + matrix);
    }
    return clock_monotonic() - begin;
}

static double copy_seconds(float *memory, int threads)
{
    double begin = clock_monotonic();
#pragma omp parallel for schedule(static, 1) num_threads(threads)
    for (int thread = 0; thread < threads; thread++) {
        char *own = (char *)memory + (size_t)thread * 2 * COPY_BYTES;
        memcpy(own + COPY_BYTES, own, COPY_BYTES);
    }
    return clock_monotonic() - begin;
}

static double best(double (*seconds)(float *memory, int threads), float *memory, int threads)
{
    double least = seconds(memory, threads);
    for (int trial = 1; trial < TRIALS; trial++) {
        double again = seconds(memory, threads);
        least = again < least ? again : least;
    }
    return least;
}

enum status bench_machine_measure(int threads, struct bench_machine *machine, struct error *error)
{
    float *memory = thread_memory(threads, 2 * COPY_BYTES);
    if (!memory) {
        return error_no_memory(error, "bench");
    }
    openblas_set_num_threads(1);
    machine->sgemm = threads * 2.0 * PRODUCTS * SIDE * SIDE * SIDE / best(sgemm_seconds, memory, threads);
    machine->copy = threads * 2.0 * (double)COPY_BYTES / best(copy_seconds, memory, threads);
    free(memory);
    return STATUS_OK;
}
