/* How probability rises with the log of the odds. */
#ifndef DAIL_WORKER_IDENTITY_JUDGE_CURVE_H
#define DAIL_WORKER_IDENTITY_JUDGE_CURVE_H

#include <stddef.h>

#define JUDGE_ODDS_LEAST (-6.0)
#define JUDGE_BINS_MOST 200
struct judge_curve {
    struct judge_bin {
        double odds; /* mean of its pairs' */
        double wrong; /* share of these */
    } bin[JUDGE_BINS_MOST]; /* by falling odds */
    size_t count;
};

/* Between the bins' means interpolated, beyond them as there; 0 at JUDGE_ODDS_LEAST or less, and below 0.001. */
float judge_probability(const struct judge_curve *curve, double odds);

#endif
