#include "worker/protocol/identification.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

/* Of a share of weights, that it is not missed by rounding. */
#define ROUNDING 1e-9

const double identification_fpirs[IDENTIFICATION_FPIRS] = {1e-3, 1e-2, 1e-1};

void identification_free(struct identification *identification)
{
    free(identification->trials);
    free(identification->strangers);
    *identification = (struct identification){.trials = NULL};
}

static double weight_of(const uint32_t *times, uint32_t person)
{
    return times ? times[person] : 1;
}

static double weight_of_strangers(const struct identification *all, const uint32_t *times)
{
    double sum = 0;
    for (size_t i = 0; i < all->stranger_count; i++) {
        sum += weight_of(times, all->strangers[i].person);
    }
    return sum;
}

/* The lowest score of a stranger above which there is at most a share `fpir` of them. */
static double find_threshold(const struct identification *all, const uint32_t *times, double fpir)
{
    const double allowed = weight_of_strangers(all, times) * fpir * (1 + ROUNDING);
    double above = 0, threshold = INFINITY;
    for (size_t begin = 0, end; begin < all->stranger_count && above <= allowed; begin = end) {
        threshold = all->strangers[begin].score;
        for (end = begin; end < all->stranger_count && all->strangers[end].score == threshold; end++) {
            above += weight_of(times, all->strangers[end].person);
        }
    }
    return threshold;
}

static bool is_found(const struct identification_trial *trial, const struct identification_question *question,
                     double threshold)
{
    return trial->score > threshold && trial->before < (uint32_t)question->candidates;
}

void identification_judge(const struct identification *all, const struct identification_question *question,
                          const uint32_t *times, struct identification_figures *figures)
{
    double within[IDENTIFICATION_RANKS_MAX] = {0}, found[IDENTIFICATION_FPIRS] = {0}, sum = 0;
    for (int i = 0; i < IDENTIFICATION_FPIRS; i++) {
        figures->threshold[i] = find_threshold(all, times, identification_fpirs[i]);
    }
    for (size_t t = 0; t < all->trial_count; t++) {
        const struct identification_trial *trial = &all->trials[t];
        const double weight = weight_of(times, trial->person);
        sum += weight;
        for (int i = 0; i < question->rank_count; i++) {
            within[i] += trial->before < (uint32_t)question->ranks[i] ? weight : 0;
        }
        for (int i = 0; i < IDENTIFICATION_FPIRS; i++) {
            found[i] += is_found(trial, question, figures->threshold[i]) ? weight : 0;
        }
    }
    for (int i = 0; i < question->rank_count; i++) {
        figures->rank[i] = within[i] / sum;
    }
    for (int i = 0; i < IDENTIFICATION_FPIRS; i++) {
        const bool enough = (double)all->stranger_count * identification_fpirs[i] * (1 + ROUNDING) >= 1;
        figures->fnir[i] = enough ? 1 - found[i] / sum : NAN;
    }
}

/* values [figures][draws]: those of the ranks, then those of FNIR. */
static enum status judge_draws(const struct identification *all,
                               const struct identification_question *question,
                               const struct bootstrap *bootstrap, double *values, struct error *error)
{
    enum status status = STATUS_OK;
#pragma omp parallel for schedule(static) num_threads(bootstrap->threads)
    for (int draw = 0; draw < bootstrap->draws; draw++) {
        struct identification_figures figures;
        uint32_t *times = malloc(((size_t)all->people + 1) * sizeof *times);
        if (!times) {
#pragma omp critical
            status = error_no_memory(error, "search");
            continue;
        }
        bootstrap_draw(bootstrap->seed, (size_t)draw, all->people, times);
        identification_judge(all, question, times, &figures);
        for (int i = 0; i < question->rank_count; i++) {
            values[i * bootstrap->draws + draw] = figures.rank[i];
        }
        for (int i = 0; i < IDENTIFICATION_FPIRS;
             i++) { /* no strangers drawn: nothing to set a threshold by */
            values[(question->rank_count + i) * bootstrap->draws + draw] =
                weight_of_strangers(all, times) > 0 ? figures.fnir[i] : NAN;
        }
        free(times);
    }
    return status;
}

enum status identification_bootstrap(const struct identification *all,
                                     const struct identification_question *question,
                                     const struct bootstrap *bootstrap,
                                     struct identification_intervals *intervals, struct error *error)
{
    const size_t draws = (size_t)bootstrap->draws, ranks = (size_t)question->rank_count;
    *intervals = (struct identification_intervals){.people = 0};
    if (draws == 0) {
        return STATUS_OK;
    }
    double *values = malloc((ranks + IDENTIFICATION_FPIRS) * draws * sizeof *values);
    enum status status =
        values ? judge_draws(all, question, bootstrap, values, error) : error_no_memory(error, "search");
    if (status == STATUS_OK) {
        intervals->people = all->people;
        for (size_t i = 0; i < ranks; i++) {
            intervals->rank[i] = bootstrap_interval(values + i * draws, draws);
        }
        for (size_t i = 0; i < IDENTIFICATION_FPIRS; i++) {
            intervals->fnir[i] = bootstrap_interval(values + (ranks + i) * draws, draws);
        }
    }
    free(values);
    return status;
}

void identification_cmc(const struct identification *all, size_t ranks, double *rate)
{
    for (size_t k = 0; k < ranks; k++) {
        rate[k] = 0;
    }
    for (size_t t = 0; t < all->trial_count; t++) {
        if (all->trials[t].before < ranks) {
            rate[all->trials[t].before]++;
        }
    }
    for (size_t k = 0; k < ranks; k++) {
        rate[k] = rate[k] / (double)all->trial_count + (k > 0 ? rate[k - 1] : 0);
    }
}

static int compare_falling(const void *a, const void *b)
{
    const double left = *(const double *)a, right = *(const double *)b;
    return (left < right) - (left > right);
}

size_t identification_det(const struct identification *all, const struct identification_question *question,
                          double *fpir, double *fnir, double *threshold, struct error *error)
{
    double *mates = malloc((all->trial_count + 1) * sizeof *mates);
    size_t count = 0, kept = 0, found = 0;
    if (!mates) {
        error_no_memory(error, "search");
        return 0;
    }
    for (size_t t = 0; t < all->trial_count; t++) { /* those who can be found at all */
        if (all->trials[t].before < (uint32_t)question->candidates) {
            mates[kept++] = all->trials[t].score;
        }
    }
    qsort(mates, kept, sizeof *mates, compare_falling);
    for (size_t begin = 0, end; begin <= all->stranger_count; begin = end) {
        const double score = begin < all->stranger_count ? all->strangers[begin].score : -INFINITY;
        for (; found < kept && mates[found] > score; found++) {
        }
        fpir[count] = (double)begin / (double)all->stranger_count;
        fnir[count] = 1 - (double)found / (double)all->trial_count;
        threshold[count++] = score;
        for (end = begin + 1; end < all->stranger_count && all->strangers[end].score == score; end++) {
        }
    }
    free(mates);
    return count;
}
