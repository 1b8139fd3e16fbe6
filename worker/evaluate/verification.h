/* Verification as the field does it (InsightFace's recognition/arcface_torch/eval/verification.py): pure
 * arithmetic on embeddings, no MPI, no files.
 */
#ifndef DAIL_WORKER_EVALUATE_VERIFICATION_H
#define DAIL_WORKER_EVALUATE_VERIFICATION_H

#include "proto/error.h"

#include <stddef.h>
#include <stdint.h>

struct verification {
    size_t pairs;
    double accuracy, accuracy_std; /* mean and population standard deviation over the folds */
    double threshold; /* mean over the folds of the best squared distance */
    double auc;
    double norm; /* mean raw norm of the embeddings, before normalising */
    double tar[3]; /* at far 1e-2, 1e-3, 1e-4; -1 where the set has fewer than 1/far different pairs */
};

/* sum f32 [images, D], pair u32 [count][2] -> distances [count]: the squared distance of each pair's
 * normalised sums. STATUS_DATA for a pair that names no image; STATUS_NUMERIC for an embedding that is not
 * finite. */
enum status verification_distances(const float *sum, size_t images, int embedding, const uint32_t *pair,
                                   size_t count, double *distances, struct error *error);

/* Whether pairs with these verdicts and folds can be scored: as many pairs as folds, some of them of the same
 * person and some of different people. STATUS_DATA says what is missing. */
enum status verification_check(const uint8_t *same, const uint8_t *fold, size_t count, struct error *error);

/* sum f32 [images, D]: the embedding of each image plus that of its mirror; mean_norm: of the raw embeddings.
 * pair u32 [count][2], same u8 [count], fold u8 [count]: the set's own folds. When every pair's fold is 0,
 * ten contiguous folds are made as sklearn's KFold makes them. Squared distances of the normalised sums;
 * thresholds 0, 0.01, ..., 3.99; same if strictly below; the first best threshold on the other folds.
 * STATUS_DATA for pairs that verification_check refuses. */
enum status verification_score(const float *sum, size_t images, int embedding, double mean_norm,
                               const uint32_t *pair, const uint8_t *same, const uint8_t *fold, size_t count,
                               struct verification *result, struct error *error);

#endif
