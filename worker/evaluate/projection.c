#include "worker/evaluate/projection.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define ITERATIONS_MAX 300
/* Change of a direction, as the sine of the angle, after which it has settled. */
#define SETTLED 1e-6
/* What is left of a vector, relative to it, that is rounding. */
#define PARALLEL 1e-10

struct projection {
    const float *rows;
    size_t count, width;
    double *mean; /* [width] */
    double *direction[2]; /* [width] each, orthonormal */
    double *next[2]; /* the same, multiplied by the covariance */
    double *score; /* [count] */
};

static double dot(const double *a, const double *b, size_t width)
{
    double sum = 0;
    for (size_t j = 0; j < width; j++) {
        sum += a[j] * b[j];
    }
    return sum;
}

/* Length 1; zero stays zero. */
static void normalize(double *vector, size_t width)
{
    double length = sqrt(dot(vector, vector, width));
    for (size_t j = 0; j < width && length > 0; j++) {
        vector[j] /= length;
    }
}

/* Where the second has nothing of its own, it becomes zero: what rounding leaves is no direction. */
static void orthonormalize(double *vectors[2], size_t width)
{
    normalize(vectors[0], width);
    double along = dot(vectors[0], vectors[1], width), squares = dot(vectors[1], vectors[1], width);
    for (size_t j = 0; j < width; j++) {
        vectors[1][j] -= along * vectors[0][j];
    }
    if (dot(vectors[1], vectors[1], width) <= PARALLEL * PARALLEL * squares) {
        memset(vectors[1], 0, width * sizeof *vectors[1]);
    }
    normalize(vectors[1], width);
}

/* Where the centred rows lie along `direction`; returns their mean square. */
static double score(const struct projection *projection, const double *direction, double *scores)
{
    double offset = dot(projection->mean, direction, projection->width), squares = 0;
    for (size_t i = 0; i < projection->count; i++) {
        const float *row = projection->rows + i * projection->width;
        double sum = -offset;
        for (size_t j = 0; j < projection->width; j++) {
            sum += (double)row[j] * direction[j];
        }
        scores[i] = sum;
        squares += sum * sum;
    }
    return squares / (double)projection->count;
}

/* next = covariance times direction */
static void multiply(const struct projection *projection, const double *direction, double *next)
{
    memset(next, 0, projection->width * sizeof *next);
    score(projection, direction, projection->score);
    for (size_t i = 0; i < projection->count; i++) {
        const float *row = projection->rows + i * projection->width;
        for (size_t j = 0; j < projection->width; j++) {
            next[j] += projection->score[i] * ((double)row[j] - projection->mean[j]);
        }
    }
}

/* The mean, the starting directions; returns the whole variance. */
static double begin(struct projection *projection)
{
    double variance = 0;
    for (size_t i = 0; i < projection->count; i++) {
        for (size_t j = 0; j < projection->width; j++) {
            projection->mean[j] += (double)projection->rows[i * projection->width + j];
        }
    }
    for (size_t j = 0; j < projection->width; j++) {
        projection->mean[j] /= (double)projection->count;
        /* No direction that data prefer or avoid. */
        projection->direction[0][j] = cos(1.0 + 2.39996 * (double)j);
        projection->direction[1][j] = sin(0.5 + 1.32472 * (double)j * (double)j);
    }
    for (size_t i = 0; i < projection->count; i++) {
        for (size_t j = 0; j < projection->width; j++) {
            double off = (double)projection->rows[i * projection->width + j] - projection->mean[j];
            variance += off * off;
        }
    }
    orthonormalize(projection->direction, projection->width);
    return variance / (double)projection->count;
}

static void iterate(struct projection *projection)
{
    for (int i = 0; i < ITERATIONS_MAX; i++) {
        double change = 0;
        for (int k = 0; k < 2; k++) {
            multiply(projection, projection->direction[k], projection->next[k]);
        }
        orthonormalize(projection->next, projection->width);
        for (int k = 0; k < 2; k++) {
            double cosine = dot(projection->next[k], projection->direction[k], projection->width);
            bool none = dot(projection->next[k], projection->next[k], projection->width) == 0;
            change = fmax(change, none ? 0 : 1 - cosine * cosine);
            double *swapped = projection->direction[k];
            projection->direction[k] = projection->next[k];
            projection->next[k] = swapped;
        }
        if (change < SETTLED * SETTLED) {
            return;
        }
    }
}

enum status projection_make(const float *rows, size_t count, size_t width, double *x, double *y,
                            double share[2], struct error *error)
{
    share[0] = share[1] = 0;
    if (count == 0 || width == 0) {
        return STATUS_OK;
    }
    double *memory = calloc(5 * width + count, sizeof *memory);
    if (!memory) {
        return error_no_memory(error, "projection");
    }
    struct projection projection = {.rows = rows,
                                    .count = count,
                                    .width = width,
                                    .mean = memory,
                                    .direction = {memory + width, memory + 2 * width},
                                    .next = {memory + 3 * width, memory + 4 * width},
                                    .score = memory + 5 * width};
    double variance = begin(&projection);
    if (variance > 0) {
        iterate(&projection);
    }
    double along[2] = {score(&projection, projection.direction[0], x),
                       score(&projection, projection.direction[1], y)};
    for (int k = 0; k < 2 && variance > 0; k++) {
        share[k] = along[k] / variance;
    }
    free(memory);
    return STATUS_OK;
}
