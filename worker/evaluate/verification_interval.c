#include "worker/evaluate/verification_interval.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

double verification_figure(const struct verification *score, int figure)
{
    switch (figure) {
    case FIGURE_ACCURACY:
        return score->accuracy;
    case FIGURE_ACCURACY_STD:
        return score->accuracy_std;
    case FIGURE_THRESHOLD:
        return score->threshold;
    case FIGURE_AUC:
        return score->auc;
    case FIGURE_EER:
        return score->eer;
    default:
        return score->tar[figure - FIGURE_TAR] < 0 ? NAN : score->tar[figure - FIGURE_TAR];
    }
}

/* values [FIGURES][draws] of one draw; NaN where it cannot be scored. */
static enum status score_draw(const struct pairs *set, const struct people *people,
                              const struct verification_scorer *scorer, const struct bootstrap *bootstrap,
                              int draw, double *values, struct error *error)
{
    struct verification score;
    uint32_t *times = malloc(((size_t)people->count + 1) * sizeof *times);
    uint32_t *weight = malloc(((size_t)set->count + 1) * sizeof *weight);
    enum status status = times && weight ? STATUS_OK : error_no_memory(error, set->path);
    if (status == STATUS_OK) {
        bootstrap_draw(bootstrap->seed, (size_t)draw, people->count, times);
        bootstrap_weigh(people, times, set->pair, set->count, weight);
        status = verification_scorer_run(scorer, weight, &score, error);
        for (int figure = 0; figure < FIGURES; figure++) {
            values[figure * bootstrap->draws + draw] =
                status == STATUS_OK ? verification_figure(&score, figure) : NAN;
        }
    }
    free(times);
    free(weight);
    return status == STATUS_DATA ? STATUS_OK : status;
}

static enum status score_draws(const struct pairs *set, const struct people *people,
                               const struct verification_scorer *scorer, const struct bootstrap *bootstrap,
                               double *values, struct error *error)
{
    enum status status = STATUS_OK;
#pragma omp parallel for schedule(static) num_threads(bootstrap->threads)
    for (int draw = 0; draw < bootstrap->draws; draw++) {
        struct error own;
        const enum status scored = score_draw(set, people, scorer, bootstrap, draw, values, &own);
        if (scored != STATUS_OK) {
#pragma omp critical
            {
                status = scored;
                *error = own;
            }
        }
    }
    return status;
}

enum status verification_bootstrap(const struct pairs *set, const double *distances,
                                   const struct bootstrap *bootstrap, struct verification_interval *result,
                                   double *accuracy, struct error *error)
{
    struct verification_scorer *scorer = NULL;
    struct people people;
    const size_t draws = (size_t)bootstrap->draws;
    *result = (struct verification_interval){.people = 0};
    if (draws == 0) {
        return STATUS_OK;
    }
    double *values = malloc(FIGURES * draws * sizeof *values);
    enum status status = people_of_set(set, &people, error);
    if (status == STATUS_OK && !values) {
        status = error_no_memory(error, set->path);
    }
    if (status == STATUS_OK) {
        status = verification_scorer_create(distances, set->same, set->fold, set->count, &scorer, error);
    }
    if (status == STATUS_OK) {
        status = score_draws(set, &people, scorer, bootstrap, values, error);
    }
    if (status == STATUS_OK && accuracy) {
        memcpy(accuracy, values + FIGURE_ACCURACY * draws, draws * sizeof *accuracy);
    }
    for (size_t figure = 0; figure < FIGURES && status == STATUS_OK; figure++) {
        result->people = people.count;
        result->figure[figure] = bootstrap_interval(values + figure * draws, draws);
    }
    verification_scorer_free(scorer);
    people_free(&people);
    free(values);
    return status;
}
