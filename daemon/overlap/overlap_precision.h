/* What share of pairs is expected to be right, and how far that can be known: what is wrong comes person by person, so the
 * people behind the pairs count, not the pairs; and how many are wrong is itself an estimate.
 */
#ifndef DAIL_DAEMON_OVERLAP_OVERLAP_PRECISION_H
#define DAIL_DAEMON_OVERLAP_OVERLAP_PRECISION_H

#include "worker/evaluate/overlap.h"

#include <stdint.h>
#include <stdio.h>

/* A precision that may be off by more than this is not told, but a range. */
#define OVERLAP_PRECISION_BAR 0.05

struct overlap_precision {
    double expected;
    double low, high; /* 95 % interval: Wilson's, of so many people; high is 1 for a lower bound */
    size_t people;
    bool told; /* the interval keeps to OVERLAP_PRECISION_BAR */
};

struct overlap_precision overlap_precision_of(double expected, size_t people);

/* How many people pairs [count] are of, classes that pairs lead to from one another being one. first_class as in
 * worker/identity/centre.h. STATUS_INTERNAL when memory runs out. */
enum status overlap_count_people(const struct overlap_pair *pairs, size_t count, const uint64_t *first_class,
                                 size_t datasets, size_t *people, struct error *error);

/* "expected precision 0.97 (0.94 to 0.99, of 310 people)", or that it cannot be told. */
void overlap_precision_print(const struct overlap_precision *precision, FILE *file);

#endif
