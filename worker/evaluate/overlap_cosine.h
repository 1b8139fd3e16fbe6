/* How near the class centres of the same person are across datasets, and those of different people. */
#ifndef DAIL_WORKER_EVALUATE_OVERLAP_COSINE_H
#define DAIL_WORKER_EVALUATE_OVERLAP_COSINE_H

#include "worker/evaluate/overlap.h"

struct overlap_cosine {
    double known, others; /* mean cosines; 0 of none */
    uint64_t known_count, other_count; /* pairs of classes of two datasets */
};

/* The mean over the pairs known[count], no two alike, and the mean over all other pairs of classes of two
 * datasets, by the sums of the centres, so that it takes one reading of them. A centre of length 0 has cosine
 * 0 to every other. Of `config` it uses datasets, classes, embedding, read and context. Memory: a block of
 * centres and those of the known pairs. STATUS_INTERNAL when memory runs out, or what `read` returned. */
enum status overlap_cosine(const struct overlap_config *config, const struct overlap_pair *known,
                           size_t count, struct overlap_cosine *cosine, struct error *error);

#endif
