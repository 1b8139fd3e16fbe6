#include "worker/identity/whiten.h"

#include <math.h>

void whiten_add_to_sums(const struct centre_space *space, const struct centre_block *block, double *sums)
{
    const size_t dimension = space->embedding;
    for (uint32_t i = 0; i < block->count; i++) {
        const float *row = block->rows + (size_t)i * dimension;
        for (size_t d = 0; d < dimension && isfinite(row[0]); d++) {
            for (size_t e = 0; e <= d; e++) {
                sums[d * dimension + e] += (double)row[d] * (double)row[e];
            }
        }
    }
}

/* Cholesky's, row by row. The ridge keeps the roots away from 0. */
bool whiten_factor(const struct centre_space *space, double *sums)
{
    const size_t dimension = space->embedding;
    double trace = 0;
    for (size_t d = 0; d < dimension; d++) {
        trace += sums[d * dimension + d];
    }
    if (!(trace > 0)) {
        return false;
    }
    /* Rows have length 1 afterwards, so the scale is free: of the sums, not of their mean. */
    for (size_t d = 0; d < dimension; d++) {
        sums[d * dimension + d] += WHITEN_RIDGE * trace / (double)dimension;
    }
    for (size_t d = 0; d < dimension; d++) {
        for (size_t e = 0; e <= d; e++) {
            double left = sums[d * dimension + e];
            for (size_t f = 0; f < e; f++) {
                left -= sums[d * dimension + f] * sums[e * dimension + f];
            }
            sums[d * dimension + e] = d == e ? sqrt(left) : left / sums[e * dimension + e];
        }
    }
    return true;
}

static void whiten_row(size_t dimension, const double *factor, float *row)
{
    double square = 0;
    for (size_t d = 0; d < dimension; d++) {
        double left = (double)row[d];
        for (size_t e = 0; e < d; e++) {
            left -= factor[d * dimension + e] * (double)row[e];
        }
        row[d] = (float)(left / factor[d * dimension + d]);
        square += (double)row[d] * (double)row[d];
    }
    const double length = sqrt(square);
    for (size_t d = 0; d < dimension; d++) {
        row[d] = length > 0 ? (float)((double)row[d] / length) : NAN;
    }
}

void whiten_rows(const struct centre_space *space, const double *factor, struct centre_block *block,
                 int threads)
{
#pragma omp parallel for num_threads(threads) schedule(static)
    for (uint32_t i = 0; i < block->count; i++) {
        whiten_row(space->embedding, factor, block->rows + (size_t)i * space->embedding);
    }
}
