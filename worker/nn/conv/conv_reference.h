/* The inner loops of the reference convolution (conv_reference.c), compiled once per instruction set. Every
 * sum is one of doubles in the same order, so all sets give the same bits. */
#ifndef DAIL_WORKER_NN_CONV_CONV_REFERENCE_H
#define DAIL_WORKER_NN_CONV_CONV_REFERENCE_H

#include "worker/nn/conv/isa.h"

#include <stddef.h>

/* A sum over the taps of [depth] values of a pixel times the tap's matrix [depth][columns]. */
struct reference_taps {
    int count;
    const float *pixel[9], *matrix[9];
    size_t depth, columns;
};

/* A sum over pixels of an input value times a pixel of the output's gradient, [columns]. */
struct reference_pixels {
    size_t rows, row_length;
    const float *value; /* of pixel (row, i): value[row * value_row + i * value_step] */
    size_t value_row, value_step;
    const float *gradient; /* of pixel (row, i): from gradient[row * gradient_row + i * columns] on */
    size_t gradient_row, columns;
};

struct reference_loops {
    void (*sum_taps)(const struct reference_taps *taps, float *out); /* out [columns], overwritten */
    void (*add_pixels)(const struct reference_pixels *pixels, double *sums); /* added to sums [columns] */
};

/* The table of an instruction set that isa_detect found. */
const struct reference_loops *reference_loops_of(enum isa isa);

#endif
