#include "worker/protocol/fairness.h"

#include <math.h>
#include <stdlib.h>

static void judge(const double *accuracy, size_t groups, double *figure)
{
    double sum = 0, squares = 0, best = accuracy[0], worst = accuracy[0];
    for (size_t i = 0; i < groups; i++) {
        sum += accuracy[i];
        best = fmax(best, accuracy[i]);
        worst = fmin(worst, accuracy[i]);
    }
    figure[FAIRNESS_MEAN] = sum / (double)groups;
    for (size_t i = 0; i < groups; i++) {
        squares += (accuracy[i] - figure[FAIRNESS_MEAN]) * (accuracy[i] - figure[FAIRNESS_MEAN]);
    }
    figure[FAIRNESS_STD] = sqrt(squares / (double)(groups - 1));
    figure[FAIRNESS_SKEW] = best < 1 ? (1 - worst) / (1 - best) : NAN;
}

enum status fairness_judge(const double *accuracy, const double *const *drawn, size_t groups, size_t draws,
                           struct fairness *fairness, struct error *error)
{
    double *values = malloc((FAIRNESS_FIGURES * draws + 1) * sizeof *values);
    double *of_draw = malloc(groups * sizeof *of_draw);
    enum status status = values && of_draw ? STATUS_OK : error_no_memory(error, "groups");
    if (status == STATUS_OK) {
        judge(accuracy, groups, fairness->figure);
    }
    for (size_t draw = 0; draw < draws && status == STATUS_OK; draw++) {
        double figure[FAIRNESS_FIGURES], sum = 0;
        for (size_t i = 0; i < groups; i++) {
            of_draw[i] = drawn[i][draw];
            sum += of_draw[i];
        }
        judge(of_draw, groups, figure);
        for (size_t i = 0; i < FAIRNESS_FIGURES;
             i++) { /* a group that could not be scored leaves the draw out */
            values[i * draws + draw] = isnan(sum) ? NAN : figure[i];
        }
    }
    for (size_t i = 0; i < FAIRNESS_FIGURES && status == STATUS_OK; i++) {
        fairness->interval[i] = bootstrap_interval(values + i * draws, draws);
    }
    free(values);
    free(of_draw);
    return status;
}
