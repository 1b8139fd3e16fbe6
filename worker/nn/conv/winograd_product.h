/* The matrix products of Winograd's convolution. They are many and small, and one factor, the transformed
 * weights, is used again and again: it is kept in panels, so that nothing is packed for a product, as a
 * general sgemm must.
 *
 * A matrix [depth][columns] in panels: its columns in groups of `panel`, each group [depth][width] in one
 * piece, where width is `panel`, or for the last group what is left. The number of columns is rounded up to a
 * multiple of WINOGRAD_PITCH (winograd_pitch); the columns added are zero.
 */
#ifndef DAIL_WORKER_NN_CONV_WINOGRAD_PRODUCT_H
#define DAIL_WORKER_NN_CONV_WINOGRAD_PRODUCT_H

#include "worker/nn/conv/isa.h"

#include <stdbool.h>
#include <stddef.h>

enum { WINOGRAD_PITCH = 16 };

/* `count` rounded up to a multiple of WINOGRAD_PITCH. */
static inline size_t winograd_pitch(size_t count)
{
    return (count + WINOGRAD_PITCH - 1) / WINOGRAD_PITCH * WINOGRAD_PITCH;
}

/* result [rows][columns] = or += left [rows][depth] times right [depth][columns]. */
struct winograd_product {
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

struct winograd_products {
    size_t panel; /* columns of a panel: a divisor or a multiple of WINOGRAD_PITCH */
    /* `columns`: at most `panel`, a multiple of the vector's length. */
    void (*multiply)(const struct winograd_product *product);
    /* From `matrix` [rows][columns] in panels to one panel of its transpose: rows first, ..., first + width,
     * as panel [columns][width]. Rows from `rows` on are zero. */
    void (*transpose)(const float *matrix, size_t rows, size_t columns, size_t first, size_t width,
                      float *panel);
};

const struct winograd_products *winograd_products_of(enum isa isa);

#endif
