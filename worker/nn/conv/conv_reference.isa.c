/* The columns run innermost, GROUP of them at a time with their sums in registers, which is all the care
 * taken for speed. */
#include "worker/nn/conv/conv_reference.h"

enum { GROUP = 32 };

#define INLINE static inline __attribute__((always_inline))

/* sum[c] += factor * row[c]. `count` is known when compiling wherever it is GROUP. */
INLINE void add_row(double *sum, double factor, const float *row, size_t count)
{
#pragma GCC unroll 8
    for (size_t c = 0; c < count; c++) {
        sum[c] += factor * (double)row[c];
    }
}

/* The sums of columns first to first + count. */
INLINE void sum_group(const struct reference_taps *taps, size_t first, size_t count, float *out)
{
    double sum[GROUP] = {0.0};
    for (int tap = 0; tap < taps->count; tap++) {
        const float *row = taps->matrix[tap] + first;
        for (size_t k = 0; k < taps->depth; k++, row += taps->columns) {
            add_row(sum, (double)taps->pixel[tap][k], row, count);
        }
    }
    for (size_t c = 0; c < count; c++) {
        out[first + c] = (float)sum[c];
    }
}

static void sum_taps(const struct reference_taps *taps, float *out)
{
    size_t first = 0;
    for (; first + GROUP <= taps->columns; first += GROUP) {
        sum_group(taps, first, GROUP, out);
    }
    if (first < taps->columns) {
        sum_group(taps, first, taps->columns - first, out);
    }
}

INLINE void add_group(const struct reference_pixels *pixels, size_t first, size_t count, double *sums)
{
    double sum[GROUP] = {0.0};
    for (size_t row = 0; row < pixels->rows; row++) {
        const float *value = pixels->value + row * pixels->value_row;
        const float *gradient = pixels->gradient + row * pixels->gradient_row + first;
        for (size_t i = 0; i < pixels->row_length; i++) {
            add_row(sum, (double)value[i * pixels->value_step], gradient + i * pixels->columns, count);
        }
    }
    for (size_t c = 0; c < count; c++) {
        sums[first + c] += sum[c];
    }
}

static void add_pixels(const struct reference_pixels *pixels, double *sums)
{
    size_t first = 0;
    for (; first + GROUP <= pixels->columns; first += GROUP) {
        add_group(pixels, first, GROUP, sums);
    }
    if (first < pixels->columns) {
        add_group(pixels, first, pixels->columns - first, sums);
    }
}

extern const struct reference_loops ISA_TABLE(reference_loops);
const struct reference_loops ISA_TABLE(reference_loops) = {.sum_taps = sum_taps, .add_pixels = add_pixels};
