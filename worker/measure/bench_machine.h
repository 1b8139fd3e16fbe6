/* What this machine can do at most: matrix products and memory copies, on a number of threads at once. */
#ifndef DAIL_WORKER_MEASURE_BENCH_MACHINE_H
#define DAIL_WORKER_MEASURE_BENCH_MACHINE_H

#include "proto/error.h"

struct bench_machine {
    double sgemm; /* floating-point operations a second, of all threads: each with sgemm of its own */
    double copy; /* bytes read and written a second, of all threads: each copies its own memory */
};

/* Takes about a second. */
enum status bench_machine_measure(int threads, struct bench_machine *machine, struct error *error);

#endif
