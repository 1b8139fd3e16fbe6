/* The figures of identification, after ISO/IEC 19795-1 and NIST's FRVT 1:N (Grother, Ngan, Hanaoka: NISTIR 8271): pure
 * arithmetic on what the searches found.
 */
#ifndef DAIL_WORKER_PROTOCOL_IDENTIFICATION_H
#define DAIL_WORKER_PROTOCOL_IDENTIFICATION_H

#include "worker/evaluate/bootstrap.h"

#define IDENTIFICATION_FPIRS 3
#define IDENTIFICATION_RANKS_MAX 16

/* 1e-3, 1e-2, 1e-1 */
extern const double identification_fpirs[IDENTIFICATION_FPIRS];

/* A search for somebody who is in the gallery. */
struct identification_trial {
    uint32_t person; /* of the probe */
    uint32_t before; /* how many others are as near as the mate, or nearer: the mate's rank less 1 */
    double score; /* of the mate */
};

/* A search for somebody who is not. */
struct identification_stranger {
    uint32_t person;
    double score; /* of the nearest in the gallery */
};

struct identification {
    struct identification_trial *trials; /* [trial_count] */
    struct identification_stranger *strangers; /* [stranger_count], the highest score first */
    size_t trial_count, stranger_count;
    size_t mated; /* probes of trials */
    uint32_t people, mated_people; /* of the probes; persons are below `people` */
};

/* What is asked of it. */
struct identification_question {
    int ranks[IDENTIFICATION_RANKS_MAX];
    int rank_count;
    int candidates; /* a mate counts as found at a threshold if his rank is not above this */
};

struct identification_figures {
    double rank[IDENTIFICATION_RANKS_MAX]; /* share of trials whose mate has that rank or a better one */
    double fnir[IDENTIFICATION_FPIRS]; /* share of trials whose mate is not found; NaN: too few strangers */
    double threshold
        [IDENTIFICATION_FPIRS]; /* found is who is above it: of all strangers so large a share at most is found for another */
};

struct identification_intervals {
    uint32_t people; /* of whom draws are made; 0: there are none */
    struct interval rank[IDENTIFICATION_RANKS_MAX], fnir[IDENTIFICATION_FPIRS];
};

void identification_free(struct identification *identification);

/* times [people]: how often each probe's person counts; NULL: once. */
void identification_judge(const struct identification *identification,
                          const struct identification_question *question, const uint32_t *times,
                          struct identification_figures *figures);

/* Intervals by draws of the probes' people; the gallery stays. STATUS_INTERNAL when memory runs out. */
enum status identification_bootstrap(const struct identification *identification,
                                     const struct identification_question *question,
                                     const struct bootstrap *bootstrap,
                                     struct identification_intervals *intervals, struct error *error);

/* rate [ranks]: the cumulative match characteristic, from rank 1. */
void identification_cmc(const struct identification *identification, size_t ranks, double *rate);

/* The points of FNIR over FPIR, one for each score of a stranger, the strictest threshold first: fpir, fnir and threshold
 * [stranger_count + 1]. Returns how many. */
size_t identification_det(const struct identification *identification,
                          const struct identification_question *question, double *fpir, double *fnir,
                          double *threshold, struct error *error);

#endif
