/* Which identities are probably the same person in two datasets: their class centres are each other's nearest
 * across the datasets. Pure arithmetic on centres that the caller reads, no files, no MPI.
 *
 * Every centre of one dataset is compared with every centre of the other, for each two datasets: the sum of
 * C_a x C_b x D multiplications. Centres are read a block at a time and cosines computed a tile at a time, so
 * that memory is two blocks, a tile for each thread, and 12 bytes for each class of the two datasets at hand.
 */
#ifndef DAIL_WORKER_EVALUATE_OVERLAP_H
#define DAIL_WORKER_EVALUATE_OVERLAP_H

#include "proto/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct overlap_config {
    size_t datasets; /* K, at least 2 */
    const uint32_t *classes; /* C_k [K] */
    int embedding; /* D */
    /* Fills rows[count][D] with the centres begin..begin+count-1 of a dataset, of any length. Called by one
     * thread at a time. */
    enum status (*read)(void *context, size_t dataset, uint32_t begin, uint32_t count, float *rows,
                        struct error *error);
    double cosine_min; /* -1 to 1: pairs below it are left out */
    double lead_min; /* 0 or more: pairs ahead of the next nearest by less are left out */
    bool one_way; /* also pairs of which only one is the other's nearest */
    int threads;
    void (*progress)(void *context, uint64_t done, uint64_t total); /* comparisons; may be NULL */
    void *context; /* of both calls */
};

/* dataset[0] < dataset[1], as indices of config->classes. */
struct overlap_pair {
    uint32_t dataset[2], class[2];
    float cosine;
    float lead; /* over the next nearest to either, -1 where there is none; not mutual: to the one whose
                   nearest the other is */
    bool mutual;
};

/* Finds the pairs, the highest cosine first, pairs of equal cosine in the order of their datasets and
 * classes. Of several nearest centres the one of the lowest number counts. A centre of length 0 is nobody's
 * nearest. STATUS_NUMERIC for a centre that is not finite; STATUS_INTERNAL when memory runs out; or what
 * `read` returned. The caller frees *pairs, also after an error. */
enum status overlap_find(const struct overlap_config *config, struct overlap_pair **pairs, size_t *count,
                         struct error *error);

/* What a list of pairs known to be the same person says of the first `found` pairs. */
struct overlap_score {
    double precision, recall; /* 0 of 0 counts as 1 */
    double f1; /* their harmonic mean */
};
struct overlap_score overlap_score(size_t right, size_t found, size_t known);

/* right[count]: whether each pair, in the order of overlap_find, is known to be the same person; `known`: all
 * that are. The number of first pairs that has the highest f1; cut only between different cosines. */
size_t overlap_best_cut(const struct overlap_pair *pairs, const bool *right, size_t count, size_t known);

#endif
