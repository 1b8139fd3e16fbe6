#include "worker/nn/dropout.h"

#include <stddef.h>

void dropout_forward(int threads, int batch, int positions, int channels, const float *mask, float *values)
{
    if (!mask) {
        return;
    }
    size_t image_size = (size_t)positions * (size_t)channels;
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int i = 0; i < batch; i++) {
        const float *m = mask + (size_t)i * image_size;
        float *v = values + (size_t)i * image_size;
        for (size_t p = 0; p < (size_t)positions; p++) {
            for (size_t c = 0; c < (size_t)channels; c++) {
                v[p * (size_t)channels + c] *= m[c * (size_t)positions + p];
            }
        }
    }
}

void dropout_backward(int threads, int batch, int positions, int channels, const float *mask, float *gradient)
{
    dropout_forward(threads, batch, positions, channels, mask, gradient);
}
