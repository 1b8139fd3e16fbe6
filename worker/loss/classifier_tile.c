#include "worker/loss/classifier_tile.h"

#include "worker/loss/exponential.h"

#include <cblas.h>
#include <math.h>
#include <stddef.h>

#define LANES 16

float tile_inverse_norm(const float *vector, int dimension)
{
    double norm = sqrt((double)cblas_sdot(dimension, vector, 1, vector, 1));
    return norm < TILE_NORM_FLOOR ? 0.0f : (float)(1.0 / norm);
}

void tile_cosines(const struct tile *tile)
{
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, tile->samples, tile->rows, tile->dimension, 1.0f,
                tile->embedding, tile->dimension, tile->weight, tile->dimension, 0.0f, tile->cosine,
                tile->rows);
    for (int i = 0; i < tile->samples; i++) {
        float *cosine = tile->cosine + (size_t)i * (size_t)tile->rows;
#pragma omp simd
        for (int j = 0; j < tile->rows; j++) {
            cosine[j] *= tile->inverse_norm[j];
        }
    }
}

void tile_filter(const struct tile *tile, float threshold)
{
    size_t count = (size_t)tile->samples * (size_t)tile->rows;
#pragma omp simd
    for (size_t i = 0; i < count; i++) {
        tile->cosine[i] = tile->cosine[i] > threshold ? TILE_MASKED : tile->cosine[i];
    }
}

/* The largest of the values and `least`; those that are not a number are passed over. In lanes, because
 * compilers do not dare to reorder a maximum by themselves. */
static float largest_of(const float *value, int count, float least)
{
    float lane[LANES];
    int whole = count - count % LANES;
    for (int l = 0; l < LANES; l++) {
        lane[l] = least;
    }
    for (int j = 0; j < whole; j += LANES) {
        for (int l = 0; l < LANES; l++) {
            lane[l] = value[j + l] > lane[l] ? value[j + l] : lane[l];
        }
    }
    for (int j = whole; j < count; j++) {
        lane[0] = value[j] > lane[0] ? value[j] : lane[0];
    }
    for (int l = 1; l < LANES; l++) {
        lane[0] = lane[l] > lane[0] ? lane[l] : lane[0];
    }
    return lane[0];
}

/* What the cosines of one of the samples count as. */
static const float *rivals_of(const struct tile *tile, int sample)
{
    const float *cosine = tile->cosine + (size_t)sample * (size_t)tile->rows;
    if (!tile->hard) {
        return cosine;
    }
    float hard = tile->hard[sample], hardness = tile->hardness;
#pragma omp simd
    for (int j = 0; j < tile->rows; j++) {
        tile->rival[j] = cosine[j] > hard ? cosine[j] * (hardness + cosine[j]) : cosine[j];
    }
    return tile->rival;
}

void tile_nearest(const struct tile *tile, float *nearest)
{
    for (int i = 0; i < tile->samples; i++) {
        nearest[i] = largest_of(tile->cosine + (size_t)i * (size_t)tile->rows, tile->rows, nearest[i]);
    }
}

void tile_accumulate(const struct tile *tile, float scale, float *largest, double *sum)
{
    for (int i = 0; i < tile->samples; i++) {
        const float *rival = rivals_of(tile, i);
        float most = largest_of(rival, tile->rows, largest[i]);
        float total = 0.0f;
#pragma omp simd reduction(+ : total)
        for (int j = 0; j < tile->rows; j++) {
            total += exponential(scale * (rival[j] - most));
        }
        sum[i] = sum[i] * exp((double)scale * ((double)largest[i] - (double)most)) + (double)total;
        largest[i] = most;
    }
}

void tile_slopes(const struct tile *tile, float scale, const float *largest, const float *factor,
                 float *row_dot)
{
    for (int j = 0; j < tile->rows; j++) {
        row_dot[j] = 0.0f;
    }
    for (int i = 0; i < tile->samples; i++) {
        float *cosine = tile->cosine + (size_t)i * (size_t)tile->rows;
        float most = largest[i];
        float rate = factor[i];
        float hard = tile->hard ? tile->hard[i] : 2.0f; /* above every cosine */
        const float *rival = rivals_of(tile, i);
#pragma omp simd
        for (int j = 0; j < tile->rows; j++) {
            float slope = rate * exponential(scale * (rival[j] - most));
            slope = cosine[j] > hard ? slope * (tile->hardness + 2.0f * cosine[j]) : slope;
            row_dot[j] += slope * cosine[j];
            cosine[j] = slope * tile->inverse_norm[j];
        }
    }
}

void tile_spread(const struct tile *tile, const float *row_dot, float *grad_weight, float *grad_embedding)
{
    int dimension = tile->dimension;
    cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, tile->rows, dimension, tile->samples, 1.0f,
                tile->cosine, tile->rows, tile->embedding, dimension, 1.0f, grad_weight, dimension);
    /* d cosine / d row = (sample - cosine row / |row|) / |row|: the second part, of all samples at once. */
    for (int j = 0; j < tile->rows; j++) {
        float inverse = tile->inverse_norm[j];
        cblas_saxpy(dimension, -inverse * inverse * row_dot[j], tile->weight + (size_t)j * (size_t)dimension,
                    1, grad_weight + (size_t)j * (size_t)dimension, 1);
    }
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, tile->samples, dimension, tile->rows, 1.0f,
                tile->cosine, tile->rows, tile->weight, dimension, 1.0f, grad_embedding, dimension);
}
