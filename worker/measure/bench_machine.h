/* What this machine can do at most: matrix products and memory copies, on a number of threads at once. */
#ifndef DAIL_WORKER_MEASURE_BENCH_MACHINE_H
#define DAIL_WORKER_MEASURE_BENCH_MACHINE_H

#include "proto/error.h"

struct bench_machine {
    /* Floating-point operations a second, of all threads: each with products of its own. */
    double sgemm; /* by OpenBLAS or the network's own kernel, whichever is faster */
    double openblas; /* by OpenBLAS */
    const char *openblas_kernel; /* its name where the processor has better ones; else NULL */
    double copy; /* bytes read and written a second, of all threads: each copies its own memory */
};

/* Takes about a second. */
enum status bench_machine_measure(int threads, struct bench_machine *machine, struct error *error);

#endif
