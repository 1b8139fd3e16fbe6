/* Intervals by bootstrap over people (Bolle, Ratha, Pankanti: "Error analysis of pattern recognition systems - the
 * subsets bootstrap", CVIU 2004): pairs that share a person are not independent, so people are drawn, with replacement, as many as
 * there are. A pair of one person counts as often as the person was drawn, a pair of two as often as one times the
 * other.
 */
#ifndef DAIL_WORKER_EVALUATE_BOOTSTRAP_H
#define DAIL_WORKER_EVALUATE_BOOTSTRAP_H

#include "worker/evaluate/people.h"

#define BOOTSTRAP_DRAWS 1000 /* the default */
#define BOOTSTRAP_DRAWS_MAX 100000

struct bootstrap {
    int draws; /* 0: no intervals */
    uint64_t seed;
    int threads;
};

/* The middle 95% of the draws' values. */
struct interval {
    double low, high; /* NaN: no draw had a value */
};

/* times [people]: how often each comes in draw number `draw`; depends on nothing else. */
void bootstrap_draw(uint64_t seed, size_t draw, uint32_t people, uint32_t *times);

/* weight [pairs]: how often each pair counts. */
void bootstrap_weigh(const struct people *people, const uint32_t *times, const uint32_t *pair, size_t pairs,
                     uint32_t *weight);

/* The 2.5th and the 97.5th percentile of values [count], between two by a straight line, as numpy's. Those that are not
 * finite are left out. Sorts them. */
struct interval bootstrap_interval(double *values, size_t count);

#endif
