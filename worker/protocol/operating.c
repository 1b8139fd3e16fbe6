#include "worker/protocol/operating.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

/* Of a share of weights, that it is not missed by rounding. */
#define ROUNDING 1e-9

const double operating_fars[OPERATING_FARS] = {1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1};

struct ranked {
    double score;
    uint32_t pair;
    bool same;
};

struct judged {
    const struct ranked *ranked; /* [count], the highest score first */
    size_t count, different; /* different: pairs of two people */
};

static int compare_ranked(const void *left, const void *right)
{
    const struct ranked *a = left, *b = right;
    return a->score != b->score ? (a->score < b->score) - (a->score > b->score)
                                : (a->pair > b->pair) - (a->pair < b->pair);
}

/* One walk along the curve. weight [pairs]; NULL: each once. threshold may be NULL. */
static bool walk(const struct judged *judged, const uint32_t *weight, double *figure, double *threshold)
{
    double same = 0, different = 0, all_same = 0, all_different = 0, area = 0, far = 0, frr = 1;
    bool crossed = false;
    for (size_t i = 0; i < judged->count; i++) {
        *(judged->ranked[i].same ? &all_same : &all_different) += weight ? weight[judged->ranked[i].pair] : 1;
    }
    for (int i = 0; i < OPERATING_FARS; i++) {
        figure[OPERATING_TAR + i] =
            (double)judged->different * operating_fars[i] * (1 + ROUNDING) < 1 ? NAN : 0;
        if (threshold) {
            threshold[i] = INFINITY;
        }
    }
    if (all_same == 0 || all_different == 0) {
        return false;
    }
    for (size_t begin = 0, end; begin < judged->count; begin = end) {
        const double score = judged->ranked[begin].score, same_before = same, different_before = different;
        for (end = begin; end < judged->count && judged->ranked[end].score == score; end++) {
            const double times = weight ? weight[judged->ranked[end].pair] : 1;
            *(judged->ranked[end].same ? &same : &different) += times;
        }
        area += (different - different_before) * (same_before + same) / 2;
        const double next_far = different / all_different, next_frr = 1 - same / all_same;
        if (!crossed && next_far >= next_frr) {
            const double before = frr - far, after = next_far - next_frr;
            figure[OPERATING_EER] = far + before / (before + after) * (next_far - far);
            crossed = true;
        }
        far = next_far;
        frr = next_frr;
        for (int i = 0; i < OPERATING_FARS; i++) {
            if (!isnan(figure[OPERATING_TAR + i]) && far <= operating_fars[i] * (1 + ROUNDING)) {
                figure[OPERATING_TAR + i] = same / all_same;
                if (threshold) {
                    threshold[i] = score;
                }
            }
        }
    }
    figure[OPERATING_AUC] = area / (all_same * all_different);
    return true;
}

/* values [OPERATING_FIGURES][draws] */
static enum status draw_all(const struct judged *judged, const struct people *people, const uint32_t *pair,
                            const struct bootstrap *bootstrap, double *values, struct error *error)
{
    enum status status = STATUS_OK;
#pragma omp parallel for schedule(static) num_threads(bootstrap->threads)
    for (int draw = 0; draw < bootstrap->draws; draw++) {
        double figure[OPERATING_FIGURES];
        uint32_t *times = malloc(((size_t)people->count + 1) * sizeof *times);
        uint32_t *weight = malloc((judged->count + 1) * sizeof *weight);
        if (!times || !weight) {
#pragma omp critical
            status = error_no_memory(error, "bootstrap");
        } else {
            bootstrap_draw(bootstrap->seed, (size_t)draw, people->count, times);
            bootstrap_weigh(people, times, pair, judged->count, weight);
            const bool whole = walk(judged, weight, figure, NULL);
            for (int i = 0; i < OPERATING_FIGURES; i++) {
                values[i * bootstrap->draws + draw] = whole ? figure[i] : NAN;
            }
        }
        free(times);
        free(weight);
    }
    return status;
}

static enum status find_intervals(const struct judged *judged, const uint8_t *same, const uint32_t *pair,
                                  size_t items, const struct bootstrap *bootstrap, struct operating *result,
                                  struct error *error)
{
    const size_t draws = (size_t)bootstrap->draws;
    struct people people = {.of = NULL};
    double *values = malloc((OPERATING_FIGURES * draws + 1) * sizeof *values);
    enum status status = values ? people_join(items, NULL, pair, same, judged->count, &people, error)
                                : error_no_memory(error, "bootstrap");
    if (status == STATUS_OK) {
        status = draw_all(judged, &people, pair, bootstrap, values, error);
    }
    for (size_t i = 0; i < OPERATING_FIGURES && status == STATUS_OK; i++) {
        result->interval[i] = bootstrap_interval(values + i * draws, draws);
        result->people = people.count;
    }
    people_free(&people);
    free(values);
    return status;
}

enum status operating_judge(const double *score, const uint8_t *same, const uint32_t *pair, size_t pairs,
                            size_t items, const struct bootstrap *bootstrap, struct operating *result,
                            struct error *error)
{
    *result = (struct operating){.people = 0};
    struct ranked *ranked = malloc((pairs + 1) * sizeof *ranked);
    struct judged judged = {.ranked = ranked, .count = pairs};
    if (!ranked) {
        return error_no_memory(error, "pairs");
    }
    for (size_t i = 0; i < pairs; i++) {
        ranked[i] = (struct ranked){score[i], (uint32_t)i, same[i] != 0};
        judged.different += same[i] == 0;
    }
    qsort(ranked, pairs, sizeof *ranked, compare_ranked);
    enum status status = STATUS_OK;
    if (!walk(&judged, NULL, result->figure, result->threshold)) {
        status = error_set(error, STATUS_DATA, NULL, "use a set with pairs of both kinds",
                           "all %zu pairs are of %s", pairs,
                           judged.different == 0 ? "the same person" : "different people");
    }
    if (status == STATUS_OK && bootstrap->draws > 0) {
        status = find_intervals(&judged, same, pair, items, bootstrap, result, error);
    }
    free(ranked);
    return status;
}
