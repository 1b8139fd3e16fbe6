/* What judging works on. A place is an entry of the lists: [class][dataset][rank], as neighbour_place counts. */
#ifndef DAIL_WORKER_IDENTITY_JUDGE_WORK_H
#define DAIL_WORKER_IDENTITY_JUDGE_WORK_H

#include "worker/identity/judge_curve.h"
#include "worker/identity/neighbour.h"

/* What is known of two datasets: of [a][b] and [b][a] alike, but for `found`. */
struct judge_datasets {
    double offset, slope; /* strangers' cosines from mirror images': offset + slope x cosine */
    double mean, deviation; /* of the highest scores of mirror images */
    double shared; /* share of the rows whose nearest is their person's, by the mixture */
    double partners, rows; /* of a round of the mixture: expected partners, and the rows that there are */
    double found; /* share of a's classes whose partner in b stands out from strangers */
    double matched; /* the same by the probabilities of all entries */
};

struct judge_work {
    const struct neighbour_lists *lists;
    int threads;
    size_t datasets; /* K */
    uint64_t classes;
    size_t places;
    size_t *live; /* [K] classes that have a centre */
    size_t *width; /* [K] the entries that a list of the dataset has, the longest */
    struct judge_datasets *pair; /* [K][K] */
    double partner_mean, partner_deviation; /* of the scores of one person */
    float *near[NEIGHBOUR_SIDES]; /* [classes][K] mean cosine of the nearest */
    float *evidence
        [NEIGHBOUR_SIDES]; /* [places] the score; then log of the odds by the score and by third datasets */
    float *odds[NEIGHBOUR_SIDES]; /* [places] log of the odds against all other matches */
    float *probability[NEIGHBOUR_SIDES]; /* [places] */
    struct judge_curve curve; /* of the probabilities */
    bool supported; /* the odds have evidence of third datasets */
    float *message; /* [places] */
    signed char *reverse; /* [places] rank of the class in the list of the entry's class, -1: not in it */
};

static inline struct judge_datasets *judge_pair_of(const struct judge_work *work, size_t a, size_t b)
{
    return &work->pair[a * work->datasets + b];
}

/* Whether a list's entry is somebody. */
static inline bool judge_has(const struct judge_work *work, int side, size_t place)
{
    return work->lists->class[side][place] != NEIGHBOUR_NOBODY;
}

#endif
