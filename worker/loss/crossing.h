/* Crossing dropout's draws (DAIL, arXiv 2101.05419): which classes of other datasets enter a sample's
 * denominator, each with probability p, independently for each (step, sample, class), and the same whatever
 * the partition of the classes over workers.
 *
 * Classes are counted over all datasets in config order and cut in blocks of CROSSING_BLOCK. Each (step,
 * sample, block) has the stream random_stream(seed, RANDOM_CROSSING, step, crossing_stream(sample id,
 * block)). From it come the gaps between drawn classes, geometric by inversion: floor(log(1 - u) / log(1 -
 * p)) classes are passed over, the next one is drawn, until the block ends. So a walk costs in proportion to
 * what is drawn, and an owner walks only the blocks that meet its rows.
 */
#ifndef DAIL_WORKER_LOSS_CROSSING_H
#define DAIL_WORKER_LOSS_CROSSING_H

#include "proto/random.h"

#include <stdbool.h>
#include <stdint.h>

#define CROSSING_BLOCK 1024u

/* What identifies the walk of a sample: the same for all of its ranges. */
struct crossing_key {
    uint64_t seed;
    uint64_t step;
    uint64_t sample; /* id */
    double probability; /* in (0, 1] */
};

/* The drawn classes of one sample in a range, in ascending order. */
struct crossing_walk {
    struct crossing_key key;
    uint64_t begin, end; /* the range, in classes counted over all datasets */
    uint64_t block; /* walked now */
    uint64_t next; /* first class of that block that is not decided yet */
    struct random random; /* of that block */
    double log_complement; /* log(1 - probability) */
};

/* The stream's minor key. For one block it is a bijection of the sample id. */
uint64_t crossing_stream(uint64_t sample, uint64_t block);

struct crossing_walk crossing_begin(const struct crossing_key *key, uint64_t begin, uint64_t end);

/* The next drawn class in the range; false: there is none. */
bool crossing_next(struct crossing_walk *walk, uint64_t *class_index);

#endif
