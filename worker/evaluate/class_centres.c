#include "worker/evaluate/class_centres.h"

#include <math.h>

void class_centre_add(const float *values, size_t width, float *sum, uint32_t *count)
{
    double square = 0;
    for (size_t d = 0; d < width; d++) {
        square += (double)values[d] * (double)values[d];
    }
    const double scale = square > 0 ? 1 / sqrt(square) : 0;
    for (size_t d = 0; d < width; d++) {
        sum[d] += (float)((double)values[d] * scale);
    }
    ++*count;
}

void class_centre_finish(float *sums, const uint32_t *counts, uint32_t classes, size_t width)
{
    for (uint32_t i = 0; i < classes; i++) {
        for (size_t d = 0; counts[i] > 0 && d < width; d++) {
            sums[(size_t)i * width + d] /= (float)counts[i];
        }
    }
}
