/* How evenly a model does by groups of people, as RFW is reported (Wang, Deng: "Mitigating bias in face recognition using
 * skewness-aware reinforcement learning", CVPR 2020): pure arithmetic.
 */
#ifndef DAIL_WORKER_PROTOCOL_FAIRNESS_H
#define DAIL_WORKER_PROTOCOL_FAIRNESS_H

#include "worker/evaluate/bootstrap.h"

enum fairness_figure {
    FAIRNESS_MEAN, /* of the groups' accuracies */
    FAIRNESS_STD, /* their standard deviation, with groups - 1 in the denominator */
    FAIRNESS_SKEW, /* the skewed error ratio: the largest share of errors over the smallest; NaN where that is 0 */
    FAIRNESS_FIGURES
};

struct fairness {
    double figure[FAIRNESS_FIGURES];
    struct interval interval[FAIRNESS_FIGURES]; /* without draws NaN */
};

/* accuracy [groups], at least two of them; drawn [groups][draws]: the accuracies of each draw of people. STATUS_INTERNAL when
 * memory runs out. */
enum status fairness_judge(const double *accuracy, const double *const *drawn, size_t groups, size_t draws,
                           struct fairness *fairness, struct error *error);

#endif
