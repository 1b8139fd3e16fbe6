#include "worker/protocol/template.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* An image where it belongs. */
struct placed {
    uint32_t template, media, image;
};

static int compare_placed(const void *left, const void *right)
{
    const struct placed *a = left, *b = right;
    if (a->template != b->template) {
        return a->template <b->template ? -1 : 1;
    }
    if (a->media != b->media) {
        return a->media < b->media ? -1 : 1;
    }
    return (a->image > b->image) - (a->image < b->image);
}

static void add_scaled(const double *values, double factor, size_t width, double *sum)
{
    for (size_t i = 0; i < width; i++) {
        sum[i] += factor * values[i];
    }
}

static double length_of(const double *values, size_t width)
{
    double square = 0;
    for (size_t i = 0; i < width; i++) {
        square += values[i] * values[i];
    }
    return square > 0 ? sqrt(square) : 1;
}

/* An image's embedding, weighted, into sum [width]. */
static enum status add_image(const struct features *features, uint32_t row, double score,
                             enum template_weight weight, float *values, double *wide, double *sum,
                             struct error *error)
{
    const enum status status = features_read(features, row, 1, values, error);
    if (status == STATUS_OK) {
        for (size_t i = 0; i < features->width; i++) {
            wide[i] = (double)values[i];
        }
        const double by_score = weight == TEMPLATE_SCORE_NORM || weight == TEMPLATE_SCORE ? score : 1;
        const bool by_norm = weight == TEMPLATE_SCORE_NORM || weight == TEMPLATE_NORM;
        add_scaled(wide, by_norm ? by_score : by_score / length_of(wide, features->width), features->width,
                   sum);
    }
    return status;
}

enum status template_pool(const struct features *features, const uint32_t *row, const float *score,
                          const uint32_t *template, const uint32_t *media, size_t images, size_t templates,
                          enum template_weight weight, double *vector, struct error *error)
{
    const size_t width = features->width;
    struct placed *placed = malloc((images + 1) * sizeof *placed);
    float *values = malloc(width * sizeof *values);
    double *wide = malloc(width * sizeof *wide), *mean = calloc(width, sizeof *mean);
    enum status status =
        placed && values && wide && mean ? STATUS_OK : error_no_memory(error, features->path);
    memset(vector, 0, templates * width * sizeof *vector);
    for (size_t i = 0; i < images && status == STATUS_OK; i++) {
        placed[i] = (struct placed){template[i], media[i], (uint32_t)i};
    }
    if (status == STATUS_OK) {
        qsort(placed, images, sizeof *placed, compare_placed);
    }
    for (size_t begin = 0, end; begin < images && status == STATUS_OK;
         begin = end) { /* a media of a template */
        memset(mean, 0, width * sizeof *mean);
        for (end = begin;
             end < images && status == STATUS_OK && placed[end].template == placed[begin].template &&
             placed[end].media == placed[begin].media;
             end++) {
            const uint32_t image = placed[end].image;
            status = add_image(features, row[image], (double)score[image], weight, values, wide, mean, error);
        }
        add_scaled(mean, 1 / (double)(end - begin), width, vector + placed[begin].template * width);
    }
    for (size_t t = 0; t < templates && status == STATUS_OK; t++) {
        const double length = length_of(vector + t * width, width);
        for (size_t i = 0; i < width; i++) {
            vector[t * width + i] /= length;
        }
    }
    free(placed);
    free(values);
    free(wide);
    free(mean);
    return status;
}

void template_compare(const double *vector, size_t width, const uint32_t *pair, size_t pairs, int threads,
                      double *score)
{
#pragma omp parallel for schedule(static) num_threads(threads)
    for (size_t i = 0; i < pairs; i++) {
        const double *a = vector + pair[2 * i] * width, *b = vector + pair[2 * i + 1] * width;
        double sum = 0;
        for (size_t k = 0; k < width; k++) {
            sum += a[k] * b[k];
        }
        score[i] = sum;
    }
}
