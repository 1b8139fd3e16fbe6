#include "worker/identity/centre.h"

#include <math.h>

size_t centre_dataset(const struct centre_space *space, uint64_t class)
{
    size_t dataset = 0;
    while (class >= space->first_class[dataset + 1]) {
        dataset++;
    }
    return dataset;
}

static double square_of(const float *row, size_t count)
{
    double square = 0;
    for (size_t d = 0; d < count; d++) {
        square += (double)row[d] * (double)row[d];
    }
    return square;
}

bool centre_add_to_sums(const struct centre_space *space, const struct centre_block *block, double *sums,
                        uint64_t *counts, uint64_t *broken)
{
    for (uint32_t i = 0; i < block->count; i++) {
        const float *row = block->rows + (size_t)i * space->embedding;
        const size_t dataset = centre_dataset(space, block->begin + i);
        const double square = square_of(row, space->embedding);
        if (!isfinite(square)) {
            *broken = block->begin + i;
            return false;
        }
        if (square > 0) {
            const double scale = 1 / sqrt(square);
            for (size_t d = 0; d < space->embedding; d++) {
                sums[dataset * space->embedding + d] += (double)row[d] * scale;
            }
            counts[dataset]++;
        }
    }
    return true;
}

static void prepare_row(const double *sum, uint64_t count, float *row, size_t embedding)
{
    const double length = sqrt(square_of(row, embedding));
    for (size_t d = 0; d < embedding; d++) {
        row[d] = (float)((double)row[d] / length - sum[d] / (double)count);
    }
    const double left = sqrt(square_of(row, embedding));
    for (size_t d = 0; d < embedding; d++) {
        row[d] = left > 0 ? (float)((double)row[d] / left) : NAN;
    }
}

void centre_prepare(const struct centre_space *space, const double *sums, const uint64_t *counts,
                    struct centre_block *block, int threads)
{
#pragma omp parallel for num_threads(threads) schedule(static)
    for (uint32_t i = 0; i < block->count; i++) {
        const size_t dataset = centre_dataset(space, block->begin + i);
        prepare_row(sums + dataset * space->embedding, counts[dataset],
                    block->rows + (size_t)i * space->embedding, space->embedding);
    }
}
