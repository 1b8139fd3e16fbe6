/* Verification as the field does it (InsightFace's recognition/arcface_torch/eval/verification.py): pure
 * arithmetic on embeddings, no MPI, no files.
 */
#ifndef DAIL_WORKER_EVALUATE_VERIFICATION_H
#define DAIL_WORKER_EVALUATE_VERIFICATION_H

#include "proto/error.h"

#include <stddef.h>
#include <stdint.h>

#define VERIFICATION_FARS 3

/* 1e-2, 1e-3, 1e-4 */
extern const double verification_fars[VERIFICATION_FARS];

struct verification {
    size_t pairs;
    double accuracy, accuracy_std; /* mean and population standard deviation over the folds */
    double threshold; /* mean over the folds of the best squared distance */
    double auc;
    double
        eer; /* where the ROC curve, its points joined by straight lines, has as many false accepts as false rejects */
    double norm; /* mean raw norm of the embeddings, before normalising */
    double tar[VERIFICATION_FARS]; /* at each far; -1 where the set has fewer than 1/far different pairs */
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

/* Pairs made ready to be scored, any number of times. */
struct verification_scorer;

/* distances [count], same u8 [count], fold u8 [count] as above. STATUS_DATA for pairs that verification_check refuses.
 * The caller frees it by verification_scorer_free, which leaves NULL alone. */
enum status verification_scorer_create(const double *distances, const uint8_t *same, const uint8_t *fold,
                                       size_t count, struct verification_scorer **scorer,
                                       struct error *error);
void verification_scorer_free(struct verification_scorer *scorer);

/* Scores the pairs, each as if it were there weight[i] times; NULL: once. Folds that are left without pairs are
 * passed over; `norm` is left 0. Threads may call it at once. STATUS_DATA where the weights leave no same or no
 * different pair. */
enum status verification_scorer_run(const struct verification_scorer *scorer, const uint32_t *weight,
                                    struct verification *result, struct error *error);

#endif
