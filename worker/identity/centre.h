/* Class centres made comparable across datasets: each less the mean of its dataset's centres, which takes the
 * dataset's look out, and of length 1.
 *
 * The centre of a class is the mean of its samples' embeddings of length 1. Classes are counted over all datasets:
 * `first_class` of the dataset plus the label, as in worker/loss/identity.h.
 *
 * Where the rows are spread over owners: each owner calls centre_add_to_sums for its rows, the sums [K][D] and counts [K]
 * are added up over the owners, and each calls centre_prepare for its rows.
 */
#ifndef DAIL_WORKER_IDENTITY_CENTRE_H
#define DAIL_WORKER_IDENTITY_CENTRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Neighbouring classes; they may be of several datasets. */
struct centre_block {
    float *rows; /* [count][D]; the caller's */
    uint64_t begin; /* class of the first row */
    uint32_t count;
};

struct centre_space {
    size_t datasets; /* K */
    const uint64_t *first_class; /* [K + 1]: the last is the number of all classes */
    size_t embedding; /* D */
};

/* The dataset that a class is of. */
size_t centre_dataset(const struct centre_space *space, uint64_t class);

/* Adds each row of length above 0 to its dataset's sum, made as long as 1. sums [K][D], counts [K]. Returns false
 * where a row is not finite; the first such class is then in *broken. */
bool centre_add_to_sums(const struct centre_space *space, const struct centre_block *block, double *sums,
                        uint64_t *counts, uint64_t *broken);

/* Takes its dataset's mean, sums / counts, from each row made as long as 1, and scales what is left to length 1. A row
 * of length 0, of a class without samples, becomes not a number, which is nobody's neighbour. */
void centre_prepare(const struct centre_space *space, const double *sums, const uint64_t *counts,
                    struct centre_block *block, int threads);

#endif
