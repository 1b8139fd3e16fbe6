/* The ROC curve of a verification set: pure arithmetic on the distances of its pairs.
 */
#ifndef DAIL_WORKER_EVALUATE_ROC_H
#define DAIL_WORKER_EVALUATE_ROC_H

#include "proto/error.h"

#include <stddef.h>
#include <stdint.h>

/* Points in the order of rising thresholds, from (0, 0) to (1, 1): the shares of different pairs (far) and of
 * same ones (tar) whose distance is not above each distance that occurs. */
struct roc {
    double *far, *tar, *threshold; /* [count]; threshold: the squared distance, of the first point 0 */
    size_t count;
};

/* distances [pairs], same u8 [pairs]. STATUS_DATA without a same or without a different pair. The caller
 * calls roc_free in any case. */
enum status roc_make(const double *distances, const uint8_t *same, size_t pairs, struct roc *roc,
                     struct error *error);
void roc_free(struct roc *roc);

/* The points worth drawing over a logarithmic axis of rates from above 0 to 1: those that lie apart from the
 * one before by 0.01 decades or 0.002 of tar, and the last. far [count] and tar [count] receive them; returns
 * how many. */
size_t roc_drawn(const struct roc *roc, double *far, double *tar);

#endif
