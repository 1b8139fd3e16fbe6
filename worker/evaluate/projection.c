#include "worker/evaluate/projection.h"

#include <cblas.h>
#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Rows whose products are added to the covariance at once. */
#define BLOCK_ROWS 256

/* LAPACK's eigenvalues and -vectors of a symmetric matrix, of which no header comes with OpenBLAS everywhere. The
 * lengths of the three texts come last, as Fortran hands them over. */
void dsyevr_(const char *job, const char *range, const char *triangle, const blasint *n, double *matrix,
             const blasint *leading, const double *low, const double *high, const blasint *first,
             const blasint *last, const double *tolerance, blasint *found, double *values, double *vectors,
             const blasint *vectors_leading, blasint *support, double *work, const blasint *work_size,
             blasint *integer_work, const blasint *integer_work_size, blasint *info, size_t job_length,
             size_t range_length, size_t triangle_length);

struct projection {
    const float *rows;
    size_t count, width;
    double *mean; /* [width] */
    double *block; /* [BLOCK_ROWS][width]: rows, centred */
    double *covariance; /* [width][width], the sum of products; its lower triangle, as Fortran sees it */
    double *value; /* [width]: eigenvalues, of which the largest are asked for */
    double *vector; /* [2][width] */
    double *work;
    blasint *integer_work, *support; /* support [4] */
};

/* dsyevr wants at least 26 and 10 for each row. */
static size_t work_size(size_t width)
{
    return 26 * width;
}

static size_t integer_work_size(size_t width)
{
    return 10 * width;
}

static void find_mean(struct projection *projection)
{
    for (size_t i = 0; i < projection->count; i++) {
        for (size_t j = 0; j < projection->width; j++) {
            projection->mean[j] += (double)projection->rows[i * projection->width + j];
        }
    }
    for (size_t j = 0; j < projection->width; j++) {
        projection->mean[j] /= (double)projection->count;
    }
}

/* Rows from `begin` on into the block; returns how many. */
static size_t centre(struct projection *projection, size_t begin)
{
    size_t width = projection->width, left = projection->count - begin;
    size_t rows = left < BLOCK_ROWS ? left : BLOCK_ROWS;
    for (size_t i = 0; i < rows; i++) {
        for (size_t j = 0; j < width; j++) {
            projection->block[i * width + j] =
                (double)projection->rows[(begin + i) * width + j] - projection->mean[j];
        }
    }
    return rows;
}

/* Returns the whole variance, times the number of rows. */
static double find_covariance(struct projection *projection)
{
    blasint width = (blasint)projection->width;
    double trace = 0;
    for (size_t begin = 0; begin < projection->count; begin += BLOCK_ROWS) {
        blasint rows = (blasint)centre(projection, begin);
        cblas_dsyrk(CblasColMajor, CblasLower, CblasNoTrans, width, rows, 1, projection->block, width, 1,
                    projection->covariance, width);
    }
    for (size_t j = 0; j < projection->width; j++) {
        trace += projection->covariance[j * projection->width + j];
    }
    return trace;
}

/* The eigenvectors of the largest eigenvalues, the largest first. A direction along which there is only what
 * rounding leaves is zero. Returns how many directions there are, 0 where LAPACK fails. */
static size_t find_directions(struct projection *projection, double *direction[2])
{
    const size_t width = projection->width;
    const blasint n = (blasint)width, first = n > 1 ? n - 1 : 1;
    const blasint size = (blasint)work_size(width), integer_size = (blasint)integer_work_size(width);
    const double unused = 0;
    blasint found = 0, info = 0;
    dsyevr_("V", "I", "L", &n, projection->covariance, &n, &unused, &unused, &first, &n, &unused, &found,
            projection->value, projection->vector, &n, projection->support, projection->work, &size,
            projection->integer_work, &integer_size, &info, 1, 1, 1);
    if (info != 0 || found < 1) {
        return 0;
    }
    for (size_t k = 0; k < (size_t)found; k++) { /* LAPACK has the largest last */
        direction[k] = projection->vector + ((size_t)found - 1 - k) * width;
    }
    double largest = projection->value[found - 1];
    if (found == 2 && projection->value[0] <= (double)width * DBL_EPSILON * largest) {
        memset(direction[1], 0, width * sizeof *direction[1]);
    }
    return (size_t)found;
}

/* An eigenvector is one whichever way it points: this takes the way that has a part of a direction that data
 * neither prefer nor avoid, so that machines agree. */
static void point(double *direction, size_t width)
{
    double along = 0;
    for (size_t j = 0; j < width; j++) {
        along += direction[j] * cos(1.0 + 2.39996 * (double)j);
    }
    for (size_t j = 0; j < width && along < 0; j++) {
        direction[j] = -direction[j];
    }
}

/* Where the centred rows lie along `direction`; returns the sum of squares. */
static double score(const struct projection *projection, const double *direction, double *scores)
{
    double squares = 0;
    for (size_t i = 0; i < projection->count; i++) {
        const float *row = projection->rows + i * projection->width;
        double sum = 0;
        for (size_t j = 0; j < projection->width; j++) {
            sum += ((double)row[j] - projection->mean[j]) * direction[j];
        }
        scores[i] = sum;
        squares += sum * sum;
    }
    return squares;
}

static bool allocate(struct projection *projection)
{
    size_t width = projection->width;
    projection->mean = calloc(width, sizeof(double));
    projection->block = calloc(BLOCK_ROWS * width, sizeof(double));
    projection->covariance = calloc(width * width, sizeof(double));
    projection->value = calloc(width, sizeof(double));
    projection->vector = calloc(2 * width, sizeof(double));
    projection->work = calloc(work_size(width), sizeof(double));
    projection->integer_work = calloc(integer_work_size(width), sizeof(blasint));
    projection->support = calloc(4, sizeof(blasint));
    return projection->mean && projection->block && projection->covariance && projection->value &&
           projection->vector && projection->work && projection->integer_work && projection->support;
}

static void release(struct projection *projection)
{
    free(projection->mean);
    free(projection->block);
    free(projection->covariance);
    free(projection->value);
    free(projection->vector);
    free(projection->work);
    free(projection->integer_work);
    free(projection->support);
}

static enum status project(struct projection *projection, double *scores[2], double share[2],
                           struct error *error)
{
    double *direction[2];
    find_mean(projection);
    double variance = find_covariance(projection);
    if (!(variance > 0)) { /* nor where a value is not finite */
        return STATUS_OK;
    }
    size_t found = find_directions(projection, direction);
    if (found == 0) {
        return error_set(error, STATUS_INTERNAL, "projection", NULL,
                         "no eigenvectors of the covariance were found");
    }
    for (size_t k = 0; k < found; k++) {
        point(direction[k], projection->width);
        share[k] = score(projection, direction[k], scores[k]) / variance;
    }
    return STATUS_OK;
}

enum status projection_make(const float *rows, size_t count, size_t width, double *x, double *y,
                            double share[2], struct error *error)
{
    share[0] = share[1] = 0;
    if (count == 0 || width == 0) {
        return STATUS_OK;
    }
    memset(x, 0, count * sizeof *x);
    memset(y, 0, count * sizeof *y);
    struct projection projection = {.rows = rows, .count = count, .width = width};
    enum status status = allocate(&projection) ? project(&projection, (double *[2]){x, y}, share, error)
                                               : error_no_memory(error, "projection");
    release(&projection);
    return status;
}
