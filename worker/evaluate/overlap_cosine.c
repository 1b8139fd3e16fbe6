#include "worker/evaluate/overlap_cosine.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK 4096

struct centre {
    uint32_t dataset, class;
};

struct reading {
    const struct overlap_config *config;
    size_t embedding;
    float *block; /* [BLOCK][D] */
    double *sums; /* [datasets][D], of centres of length 1 */
    struct centre *centres; /* [count], those of the known pairs, in order */
    size_t count;
    float *rows; /* [count][D] */
};

static int compare_centres(const void *first, const void *second)
{
    const struct centre *a = first, *b = second;
    if (a->dataset != b->dataset) {
        return a->dataset < b->dataset ? -1 : 1;
    }
    return (a->class > b->class) - (a->class < b->class);
}

static enum status reading_create(struct reading *reading, const struct overlap_config *config,
                                  const struct overlap_pair *known, size_t count, struct error *error)
{
    const size_t embedding = (size_t)config->embedding;
    *reading = (struct reading){.config = config, .embedding = embedding};
    reading->block = malloc(BLOCK * embedding * sizeof *reading->block);
    reading->sums = calloc(config->datasets * embedding, sizeof *reading->sums);
    reading->centres = malloc((2 * count + 1) * sizeof *reading->centres);
    reading->rows = malloc((2 * count + 1) * embedding * sizeof *reading->rows);
    if (!reading->block || !reading->sums || !reading->centres || !reading->rows) {
        return error_no_memory(error, "overlap");
    }
    for (size_t i = 0; i < 2 * count; i++) {
        reading->centres[i] = (struct centre){known[i / 2].dataset[i % 2], known[i / 2].class[i % 2]};
    }
    qsort(reading->centres, 2 * count, sizeof *reading->centres, compare_centres);
    for (size_t i = 0; i < 2 * count; i++) {
        if (reading->count == 0 ||
            compare_centres(&reading->centres[reading->count - 1], &reading->centres[i]) != 0) {
            reading->centres[reading->count++] = reading->centres[i];
        }
    }
    return STATUS_OK;
}

static void reading_free(struct reading *reading)
{
    free(reading->block);
    free(reading->sums);
    free(reading->centres);
    free(reading->rows);
}

static void take_centre(struct reading *reading, size_t dataset, float *row, size_t *next, uint32_t class)
{
    double square = 0;
    for (size_t d = 0; d < reading->embedding; d++) {
        square += (double)row[d] * (double)row[d];
    }
    const double scale = square > 0 ? 1 / sqrt(square) : 0;
    for (size_t d = 0; d < reading->embedding; d++) {
        row[d] = (float)(row[d] * scale);
        reading->sums[dataset * reading->embedding + d] += (double)row[d];
    }
    const struct centre here = {(uint32_t)dataset, class};
    if (*next < reading->count && compare_centres(&reading->centres[*next], &here) == 0) {
        memcpy(reading->rows + *next * reading->embedding, row, reading->embedding * sizeof *row);
        ++*next;
    }
}

static enum status read_centres(struct reading *reading, struct error *error)
{
    const struct overlap_config *config = reading->config;
    size_t next = 0;
    for (size_t k = 0; k < config->datasets; k++) {
        for (uint32_t begin = 0; begin < config->classes[k]; begin += BLOCK) {
            const uint32_t left = config->classes[k] - begin;
            const uint32_t count = left < BLOCK ? left : BLOCK;
            enum status status = config->read(config->context, k, begin, count, reading->block, error);
            if (status != STATUS_OK) {
                return status;
            }
            for (uint32_t i = 0; i < count; i++) {
                take_centre(reading, k, reading->block + i * reading->embedding, &next, begin + i);
            }
        }
    }
    return STATUS_OK;
}

static double pair_cosine(const struct reading *reading, const struct overlap_pair *pair)
{
    const float *row[2];
    double dot = 0;
    for (int side = 0; side < 2; side++) {
        const struct centre key = {pair->dataset[side], pair->class[side]};
        const struct centre *found =
            bsearch(&key, reading->centres, reading->count, sizeof key, compare_centres);
        row[side] = reading->rows + (size_t)(found - reading->centres) * reading->embedding;
    }
    for (size_t d = 0; d < reading->embedding; d++) {
        dot += (double)row[0][d] * (double)row[1][d];
    }
    return dot;
}

/* The sum over all pairs of two datasets. */
static double all_cosines(const struct reading *reading, uint64_t *pairs)
{
    const struct overlap_config *config = reading->config;
    double sum = 0;
    *pairs = 0;
    for (size_t b = 1; b < config->datasets; b++) {
        for (size_t a = 0; a < b; a++) {
            const double *left = reading->sums + a * reading->embedding;
            const double *right = reading->sums + b * reading->embedding;
            for (size_t d = 0; d < reading->embedding; d++) {
                sum += left[d] * right[d];
            }
            *pairs += (uint64_t)config->classes[a] * config->classes[b];
        }
    }
    return sum;
}

enum status overlap_cosine(const struct overlap_config *config, const struct overlap_pair *known,
                           size_t count, struct overlap_cosine *cosine, struct error *error)
{
    struct reading reading;
    *cosine = (struct overlap_cosine){.known_count = count};
    enum status status = reading_create(&reading, config, known, count, error);
    if (status == STATUS_OK) {
        status = read_centres(&reading, error);
    }
    if (status == STATUS_OK) {
        double sum = 0;
        uint64_t pairs;
        for (size_t i = 0; i < count; i++) {
            sum += pair_cosine(&reading, &known[i]);
        }
        const double others = all_cosines(&reading, &pairs) - sum;
        cosine->other_count = pairs - count;
        cosine->known = count > 0 ? sum / (double)count : 0;
        cosine->others = pairs > count ? others / (double)(pairs - count) : 0;
    }
    reading_free(&reading);
    return status;
}
