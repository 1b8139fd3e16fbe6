/* What `dail overlap` works on, from its options to what it prints. */
#ifndef DAIL_DAEMON_OVERLAP_WORK_H
#define DAIL_DAEMON_OVERLAP_WORK_H

#include "daemon/overlap/overlap_against.h"
#include "daemon/overlap/overlap_groups.h"
#include "daemon/overlap/overlap_judge.h"
#include "daemon/overlap/overlap_truth.h"
#include "daemon/terminal/options.h"
#include "daemon/terminal/progress.h"
#include "proto/file.h"
#include "worker/evaluate/overlap.h"
#include "worker/evaluate/overlap_cosine.h"

#include <stdio.h>

/* A threshold that is not asked for. */
#define OVERLAP_UNSET (-2.0)
/* As likely the same person as not: the least probability where none is asked for. */
#define OVERLAP_PROBABILITY_LEAST 0.5

struct overlap_options {
    double cosine_min, lead_min, probability_min; /* each may be OVERLAP_UNSET */
    bool one_way;
    struct option_strings manifests;
    bool embed, within;
    double duplicate_cosine;
    const char *truth, *output, *sheet, *groups, *against;
    int sheet_pairs, sheet_faces, batch, threads; /* threads 0: the cores allowed */
};

struct overlap {
    const struct overlap_options *options;
    const char *output; /* where the table goes; NULL: to stdout */
    char leakage[PATH_SIZE]; /* in the run's folder, where `dail report` looks */
    struct overlap_source source;
    struct overlap_truth truth;
    struct overlap_pair *pairs; /* [count] */
    double *probability; /* [count], where that is asked for */
    bool *right; /* [count], with a truth */
    size_t count; /* of all nearest; then of those that are shown */
    size_t people; /* that the pairs shown are of, with probabilities */
    struct judgement judgement;
    struct overlap_groups groups; /* where they are asked for */
    struct overlap_against against; /* likewise */
    double cosine_best; /* with a truth: the least cosine that would have the best F1 of all */
    size_t found_best, right_best; /* pairs above it, 0: none */
    struct overlap_cosine cosine; /* with a truth */
    struct progress progress;
};

static inline double overlap_probability_least(const struct overlap_options *options)
{
    return options->probability_min == OVERLAP_UNSET ? OVERLAP_PROBABILITY_LEAST : options->probability_min;
}

#endif
