#include "worker/loss/threshold.h"

#include "worker/loss/exponential.h"

#include <math.h>
#include <stddef.h>

double threshold_loss(double x)
{
    return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x));
}

double threshold_slope(double x)
{
    return x > 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x));
}

/* Products of that many numbers from 1 to 2 are within a double. */
#define PRODUCT_ROWS 512

void threshold_accumulate(const struct tile *tile, float scale, float threshold, float *largest, double *sum)
{
    tile_nearest(tile, largest);
    for (int i = 0; i < tile->samples; i++) {
        const float *cosine = tile->cosine + (size_t)i * (size_t)tile->rows;
        for (int begin = 0; begin < tile->rows; begin += PRODUCT_ROWS) {
            int end = begin + PRODUCT_ROWS < tile->rows ? begin + PRODUCT_ROWS : tile->rows;
            /* log(1 + e^x) = max(x, 0) + log(1 + e^-|x|), and one logarithm serves them all. */
            double product = 1, above = 0;
#pragma omp simd reduction(* : product) reduction(+ : above)
            for (int j = begin; j < end; j++) {
                float x = scale * cosine[j] - threshold;
                product *= 1.0 + (double)exponential(-fabsf(x));
                above += x > 0.0f ? (double)x : 0.0;
            }
            sum[i] += above + log(product);
        }
    }
}

double threshold_slopes(const struct tile *tile, float scale, float threshold, const float *factor,
                        float *row_dot)
{
    double total = 0;
    for (int j = 0; j < tile->rows; j++) {
        row_dot[j] = 0.0f;
    }
    for (int i = 0; i < tile->samples; i++) {
        float *cosine = tile->cosine + (size_t)i * (size_t)tile->rows;
        float rate = factor[i], all = 0;
#pragma omp simd reduction(+ : all)
        for (int j = 0; j < tile->rows; j++) {
            float x = scale * cosine[j] - threshold;
            float rest = exponential(-fabsf(x));
            float slope = rate * (x > 0.0f ? 1.0f : rest) / (1.0f + rest);
            all += slope;
            row_dot[j] += slope * cosine[j];
            cosine[j] = slope * tile->inverse_norm[j];
        }
        total += (double)all;
    }
    return total;
}
