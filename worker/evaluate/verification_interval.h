/* How far the figures of a verification set may be trusted: their intervals by bootstrap over people.
 */
#ifndef DAIL_WORKER_EVALUATE_VERIFICATION_INTERVAL_H
#define DAIL_WORKER_EVALUATE_VERIFICATION_INTERVAL_H

#include "worker/evaluate/bootstrap.h"
#include "worker/evaluate/verification.h"

/* One figure of a verification. */
enum verification_figure {
    FIGURE_ACCURACY,
    FIGURE_ACCURACY_STD,
    FIGURE_THRESHOLD,
    FIGURE_AUC,
    FIGURE_EER,
    FIGURE_TAR, /* at the first far; the others follow */
    FIGURES = FIGURE_TAR + VERIFICATION_FARS
};

/* NaN where the set is too small for it. */
double verification_figure(const struct verification *score, int figure);

struct verification_interval {
    uint32_t people; /* of whom draws are made; 0: there are no intervals */
    struct interval figure[FIGURES];
};

/* distances [set->count]: of the pairs, as verification_score judges them. Who is in a pair is found by people_of_set.
 * A draw without same or without different pairs is left out. accuracy [bootstrap->draws]: each draw's, NaN where there is
 * none; may be NULL. Without draws the result has no people. */
enum status verification_bootstrap(const struct pairs *set, const double *distances,
                                   const struct bootstrap *bootstrap, struct verification_interval *result,
                                   double *accuracy, struct error *error);

#endif
