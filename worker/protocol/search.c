/* What is near enough to stand before a mate is known only when the mates' scores are, so the gallery passes twice: first
 * those rows that have a probe of their person, then all. A block of it is made doubles of length 1; the threads share the
 * probes in tiles, and one dgemm gives a tile's cosines. */
#include "worker/protocol/search.h"

#include <cblas.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK 2048 /* rows that pass at once */
#define TILE 64 /* probes */

struct work {
    const struct search_config *config;
    size_t width, probes;
    double *probe; /* [probes][width], of length 1 */
    uint32_t persons; /* numbers are below */
    uint32_t *first_probe; /* [persons + 1]: where a person's probes begin in by_person */
    uint32_t *by_person; /* [probes] */
    size_t *first; /* [probes + 1]: trials of each probe */
    double *mate; /* [trials], rising within a probe */
    uint32_t *filled; /* [probes]: mates seen so far */
    uint32_t *before; /* [trials]: others that are near enough for this mate and no higher one */
    double *nearest; /* [probes]: the score of the nearest other */
    float *values; /* [BLOCK][width] */
    double *block; /* [BLOCK][width], of length 1 */
    double *scores; /* [threads][TILE][BLOCK] */
    uint64_t done, total; /* rows */
};

static void scale(const float *values, size_t width, double *unit)
{
    double square = 0;
    for (size_t i = 0; i < width; i++) {
        square += (double)values[i] * (double)values[i];
    }
    const double norm = square > 0 ? sqrt(square) : 1;
    for (size_t i = 0; i < width; i++) {
        unit[i] = (double)values[i] / norm;
    }
}

/* Rows begin..begin+count-1 into work->block. */
static enum status load_block(struct work *work, const struct features *features, size_t begin, size_t count,
                              struct error *error)
{
    enum status status = features_read(features, begin, count, work->values, error);
    if (status == STATUS_OK) {
#pragma omp parallel for schedule(static) num_threads(work->config->threads)
        for (size_t i = 0; i < count; i++) {
            scale(work->values + i * work->width, work->width, work->block + i * work->width);
        }
        work->done += count;
        if (work->config->progress) {
            work->config->progress(work->config->context, work->done, work->total);
        }
    }
    return status;
}

static enum status load_probes(struct work *work, struct error *error)
{
    enum status status = STATUS_OK;
    for (size_t begin = 0; begin < work->probes && status == STATUS_OK; begin += BLOCK) {
        const size_t left = work->probes - begin, count = left < BLOCK ? left : BLOCK;
        status = load_block(work, work->config->probes, begin, count, error);
        memcpy(work->probe + begin * work->width, work->block, count * work->width * sizeof *work->block);
    }
    return status;
}

/* --- Who has mates --- */

static uint32_t persons_of(const uint32_t *person, size_t rows, uint32_t least)
{
    for (size_t i = 0; i < rows; i++) {
        least = person[i] >= least ? person[i] + 1 : least;
    }
    return least;
}

static void index_probes(struct work *work)
{
    const uint32_t *person = work->config->probe_person;
    for (size_t i = 0; i < work->probes; i++) {
        work->first_probe[person[i] + 1]++;
    }
    for (uint32_t p = 0; p < work->persons; p++) {
        work->first_probe[p + 1] += work->first_probe[p];
    }
    for (size_t i = work->probes; i > 0; i--) { /* the ends move to the beginnings */
        work->by_person[--work->first_probe[person[i - 1] + 1]] = (uint32_t)(i - 1);
    }
    for (uint32_t p = 0; p < work->persons; p++) {
        work->first_probe[p] = work->first_probe[p + 1];
    }
    work->first_probe[work->persons] = (uint32_t)work->probes;
}

static enum status count_trials(struct work *work, struct error *error)
{
    const struct search_config *config = work->config;
    uint32_t *rows = calloc((size_t)work->persons + 1, sizeof *rows);
    if (!rows) {
        return error_no_memory(error, config->gallery->path);
    }
    for (size_t i = 0; i < config->gallery->rows; i++) {
        rows[config->gallery_person[i]]++;
    }
    for (size_t p = 0; p < work->probes; p++) {
        const uint32_t mates = rows[config->probe_person[p]] - config->self;
        work->first[p + 1] = work->first[p] + (config->each_mate || mates == 0 ? mates : 1);
    }
    free(rows);
    const size_t trials = work->first[work->probes];
    work->mate = malloc((trials + 1) * sizeof *work->mate);
    work->before = calloc(trials + 1, sizeof *work->before);
    if (!work->mate || !work->before) {
        return error_no_memory(error, config->gallery->path);
    }
    return trials > 0
               ? STATUS_OK
               : error_set(error, STATUS_DATA, config->probes->path, "name a gallery of the same people",
                           "no probe shows anybody who is in %s", config->gallery->path);
}

/* --- First pass --- */

static void add_mate(struct work *work, size_t probe, const double *row)
{
    double score = 0;
    for (size_t i = 0; i < work->width; i++) {
        score += work->probe[probe * work->width + i] * row[i];
    }
    double *mate = work->mate + work->first[probe];
    if (work->config->each_mate) {
        mate[work->filled[probe]++] = score;
    } else {
        *mate = work->filled[probe]++ == 0 ? score : fmax(*mate, score);
    }
}

static int compare_rising(const void *a, const void *b)
{
    const double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static enum status find_mates(struct work *work, struct error *error)
{
    const struct search_config *config = work->config;
    const size_t rows = config->gallery->rows;
    enum status status = STATUS_OK;
    for (size_t begin = 0; begin < rows && status == STATUS_OK; begin += BLOCK) {
        const size_t left = rows - begin, count = left < BLOCK ? left : BLOCK;
        status = load_block(work, config->gallery, begin, count, error);
        for (size_t i = 0; i < count && status == STATUS_OK; i++) {
            const uint32_t person = config->gallery_person[begin + i];
            for (uint32_t k = work->first_probe[person]; k < work->first_probe[person + 1]; k++) {
                if (!config->self || work->by_person[k] != begin + i) {
                    add_mate(work, work->by_person[k], work->block + i * work->width);
                }
            }
        }
    }
    for (size_t p = 0; p < work->probes; p++) {
        qsort(work->mate + work->first[p], work->first[p + 1] - work->first[p], sizeof *work->mate,
              compare_rising);
    }
    return status;
}

/* --- Second pass --- */

/* score [count]: of one probe with the block. person [count]: NULL: nobody's. */
static void judge_others(struct work *work, size_t probe, const double *score, const uint32_t *person,
                         size_t count)
{
    const uint32_t own = work->config->probe_person[probe];
    const double *mate = work->mate + work->first[probe];
    const size_t mates = work->first[probe + 1] - work->first[probe];
    double nearest = work->nearest[probe];
    for (size_t i = 0; i < count; i++) {
        if (person && person[i] == own) {
            continue;
        }
        nearest = score[i] > nearest ? score[i] : nearest;
        size_t below = 0, above = mates; /* how many mates it is as near as */
        while (below < above) {
            const size_t middle = (below + above) / 2;
            if (mate[middle] <= score[i] + SEARCH_TIE) {
                below = middle + 1;
            } else {
                above = middle;
            }
        }
        if (below > 0) {
            work->before[work->first[probe] + below - 1]++;
        }
    }
    work->nearest[probe] = nearest;
}

static enum status compare_all(struct work *work, const struct features *features, const uint32_t *person,
                               struct error *error)
{
    const int width = (int)work->width;
    const size_t tiles = (work->probes + TILE - 1) / TILE;
    enum status status = STATUS_OK;
    for (size_t begin = 0; begin < features->rows && status == STATUS_OK; begin += BLOCK) {
        const size_t left = features->rows - begin, count = left < BLOCK ? left : BLOCK;
        status = load_block(work, features, begin, count, error);
        if (status != STATUS_OK) {
            break;
        }
#pragma omp parallel for schedule(dynamic) num_threads(work->config->threads)
        for (size_t tile = 0; tile < tiles; tile++) {
            const size_t first = tile * TILE,
                         probes = work->probes - first < TILE ? work->probes - first : TILE;
            double *scores = work->scores + (size_t)omp_get_thread_num() * TILE * BLOCK;
            cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)probes, (int)count, width, 1,
                        work->probe + first * work->width, width, work->block, width, 0, scores, BLOCK);
            for (size_t p = 0; p < probes; p++) {
                judge_others(work, first + p, scores + p * BLOCK, person ? person + begin : NULL, count);
            }
        }
    }
    return status;
}

/* --- What came of it --- */

static int compare_strangers(const void *left, const void *right)
{
    const struct identification_stranger *a = left, *b = right;
    return a->score != b->score ? (a->score < b->score) - (a->score > b->score)
                                : (a->person > b->person) - (a->person < b->person);
}

/* The probes' people, numbered anew without holes as they come. */
static enum status number_people(const struct work *work, uint32_t *number, struct identification *result,
                                 struct error *error)
{
    uint32_t *renumbered = malloc(((size_t)work->persons + 1) * sizeof *renumbered);
    bool *mated = calloc((size_t)work->persons + 1, sizeof *mated);
    if (!renumbered || !mated) {
        free(renumbered);
        free(mated);
        return error_no_memory(error, work->config->probes->path);
    }
    memset(renumbered, 0xff, ((size_t)work->persons + 1) * sizeof *renumbered);
    for (size_t p = 0; p < work->probes; p++) {
        const uint32_t person = work->config->probe_person[p];
        if (renumbered[person] == UINT32_MAX) {
            renumbered[person] = result->people++;
        }
        number[p] = renumbered[person];
        if (work->first[p + 1] > work->first[p] && !mated[person]) {
            mated[person] = true;
            result->mated_people++;
        }
    }
    free(renumbered);
    free(mated);
    return STATUS_OK;
}

static enum status tell(const struct work *work, struct identification *result, struct error *error)
{
    uint32_t *number = malloc((work->probes + 1) * sizeof *number);
    result->trials = malloc((work->first[work->probes] + 1) * sizeof *result->trials);
    result->strangers = malloc((work->probes + 1) * sizeof *result->strangers);
    enum status status = number && result->trials && result->strangers
                             ? number_people(work, number, result, error)
                             : error_no_memory(error, work->config->probes->path);
    for (size_t p = 0; p < work->probes && status == STATUS_OK; p++) {
        uint32_t before = 0;
        if (work->first[p] == work->first[p + 1]) {
            result->strangers[result->stranger_count++] =
                (struct identification_stranger){number[p], work->nearest[p]};
            continue;
        }
        result->mated++;
        for (size_t t = work->first[p + 1]; t > work->first[p];
             t--) { /* who is near the highest is near all */
            before += work->before[t - 1];
            result->trials[result->trial_count++] =
                (struct identification_trial){number[p], before, work->mate[t - 1]};
        }
    }
    if (status == STATUS_OK) {
        qsort(result->strangers, result->stranger_count, sizeof *result->strangers, compare_strangers);
    }
    free(number);
    return status;
}

/* --- The whole --- */

static enum status check(const struct search_config *config, const struct features *features,
                         struct error *error)
{
    if (features->rows == 0) {
        return error_set(error, STATUS_DATA, features->path, "embed some images", "there is no embedding");
    }
    if (features->width != config->probes->width) {
        return error_set(error, STATUS_DATA, features->path, "embed all by one model",
                         "its embeddings have %zu values, those of %s have %zu", features->width,
                         config->probes->path, config->probes->width);
    }
    return STATUS_OK;
}

static enum status allocate(struct work *work, struct error *error)
{
    const size_t width = work->width, probes = work->probes + 1;
    work->probe = malloc(probes * width * sizeof *work->probe);
    work->first_probe = calloc((size_t)work->persons + 2, sizeof *work->first_probe);
    work->by_person = malloc(probes * sizeof *work->by_person);
    work->first = calloc(probes + 1, sizeof *work->first);
    work->filled = calloc(probes, sizeof *work->filled);
    work->nearest = malloc(probes * sizeof *work->nearest);
    work->values = malloc(BLOCK * width * sizeof *work->values);
    work->block = malloc(BLOCK * width * sizeof *work->block);
    work->scores = malloc((size_t)work->config->threads * TILE * BLOCK * sizeof *work->scores);
    if (!work->probe || !work->first_probe || !work->by_person || !work->first || !work->filled ||
        !work->nearest || !work->values || !work->block || !work->scores) {
        return error_set(error, STATUS_INTERNAL, work->config->probes->path,
                         "search for fewer probes at once", "no memory for %zu probes of %zu values",
                         work->probes, width);
    }
    for (size_t p = 0; p < work->probes; p++) {
        work->nearest[p] = -INFINITY;
    }
    return STATUS_OK;
}

static void release(struct work *work)
{
    free(work->probe);
    free(work->first_probe);
    free(work->by_person);
    free(work->first);
    free(work->filled);
    free(work->nearest);
    free(work->values);
    free(work->block);
    free(work->scores);
    free(work->mate);
    free(work->before);
}

static enum status search(struct work *work, struct error *error)
{
    const struct search_config *config = work->config;
    enum status status = load_probes(work, error);
    if (status == STATUS_OK) {
        index_probes(work);
        status = count_trials(work, error);
    }
    if (status == STATUS_OK) {
        status = find_mates(work, error);
    }
    if (status == STATUS_OK && !config->each_mate) {
        status = compare_all(work, config->gallery, config->gallery_person, error);
    }
    for (size_t i = 0; i < config->distractor_count && status == STATUS_OK; i++) {
        status = compare_all(work, &config->distractors[i], NULL, error);
    }
    return status;
}

enum status search_run(const struct search_config *config, struct identification *result, struct error *error)
{
    struct work work = {.config = config, .width = config->probes->width, .probes = config->probes->rows};
    *result = (struct identification){.trials = NULL};
    openblas_set_num_threads(1); /* the threads are over the probes */
    enum status status = check(config, config->probes, error);
    work.total = work.probes + config->gallery->rows * (config->each_mate ? 1 : 2);
    if (status == STATUS_OK) {
        status = check(config, config->gallery, error);
    }
    for (size_t i = 0; i < config->distractor_count && status == STATUS_OK; i++) {
        status = check(config, &config->distractors[i], error);
        work.total += config->distractors[i].rows;
    }
    if (status == STATUS_OK) {
        work.persons = persons_of(config->gallery_person, config->gallery->rows,
                                  persons_of(config->probe_person, work.probes, 0));
        status = allocate(&work, error);
    }
    if (status == STATUS_OK) {
        status = search(&work, error);
    }
    if (status == STATUS_OK) {
        status = tell(&work, result, error);
    }
    release(&work);
    return status;
}
