/* The kernel of all matrix products: a few rows and vectors of columns of the result are held in registers over
 * the whole depth. Winograd's products, many and small, use it on factors that are kept in its form, so that
 * nothing is copied for a product; gemm.h makes products of any size of it.
 *
 * A matrix [depth][columns] in panels: its columns in groups of `panel`, each group [depth][width] in one
 * piece, where width is `panel`, or for the last group what is left. The number of columns is rounded up to a
 * multiple of PRODUCT_PITCH (product_pitch); the columns added are zero.
 */
#ifndef DAIL_WORKER_NN_CONV_PRODUCT_H
#define DAIL_WORKER_NN_CONV_PRODUCT_H

#include "worker/nn/conv/isa.h"

#include <stdbool.h>
#include <stddef.h>

enum { PRODUCT_PITCH = 16 };

/* `count` rounded up to a multiple of PRODUCT_PITCH. */
static inline size_t product_pitch(size_t count)
{
    return (count + PRODUCT_PITCH - 1) / PRODUCT_PITCH * PRODUCT_PITCH;
}

/* result [rows][columns] = or += left [rows][depth] times right [depth][columns]. */
struct product {
    size_t rows, columns, depth;
    /* Element (row, k) of the left factor is left[row * left_row + k * left_depth]. */
    const float *left;
    size_t left_row, left_depth;
    const float *right; /* rows `right_depth` floats apart */
    size_t right_depth;
    float *result; /* rows `result_row` floats apart */
    size_t result_row;
    bool add;
};

struct product_kernels {
    size_t panel; /* columns of a panel: a divisor or a multiple of PRODUCT_PITCH */
    /* `columns`: at most `panel`, a multiple of the vector's length. */
    void (*multiply)(const struct product *product);
    /* From a matrix whose rows lie `stride` floats apart to one panel of its transpose: rows 0, ..., width of
     * it, of which there are `rows`, as panel [columns][width]. Rows from `rows` on are zero. */
    void (*turn)(const float *matrix, size_t stride, size_t rows, size_t columns, size_t width, float *panel);
};

const struct product_kernels *product_kernels_of(enum isa isa);

#endif
