/* Matrix products of any size: blocks of them are copied together for the kernel of product.h, which does them.
 * Sums are in float, in an order that depends on the sizes and the instruction set alone. */
#ifndef DAIL_WORKER_NN_CONV_GEMM_H
#define DAIL_WORKER_NN_CONV_GEMM_H

#include "worker/nn/conv/isa.h"

#include <stdbool.h>
#include <stddef.h>

/* A matrix of which element (i, j) is values[i * row + j * column]; one of the two distances is 1. */
struct gemm_matrix {
    const float *values;
    size_t row, column;
};

/* result [rows][columns] = or += left [rows][depth] times right [depth][columns]. */
struct gemm {
    size_t rows, columns, depth;
    struct gemm_matrix left, right;
    float *result; /* rows `result_row` floats apart */
    size_t result_row;
    bool add;
};

/* Floats of the buffer that gemm_run needs; 64-byte aligned. A multiple of 16. */
size_t gemm_buffer_count(void);

/* On the calling thread alone. */
void gemm_run(enum isa isa, const struct gemm *gemm, float *buffer);

#endif
