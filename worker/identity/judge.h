/* Which classes of different datasets are one person, and how sure that is: from each class's nearest in every
 * dataset to pairs with a probability, and from pairs to groups.
 *
 *   centres --centre_prepare--> --neighbour_offer--> lists --judge_pairs--> pairs --judge_group--> groups
 *
 * The judging takes lists alone, of all classes: one process does it, in time and memory of the lists' size. The result
 * depends on nothing but them: no draws, and the number of threads changes nothing.
 */
#ifndef DAIL_WORKER_IDENTITY_JUDGE_H
#define DAIL_WORKER_IDENTITY_JUDGE_H

#include "worker/identity/neighbour.h"
#include "worker/loss/identity.h"

struct judge_pair {
    uint32_t class[2]; /* counted over all datasets, the lower one first */
    float cosine; /* of the prepared centres */
    float probability; /* that they are one person, calibrated */
};

struct judgement {
    struct judge_pair *pairs; /* [count], by falling probability, then by class; owned */
    size_t count;
    double shared; /* how many pairs are one person, estimated, found or not */
    bool known; /* false: nothing tells the pairs from chance; their probabilities are not to be trusted */
    const char *reason; /* why it cannot be known; NULL where it is */
};

/* Pairs less probable than this are left out of a judgement. */
#define JUDGE_PROBABILITY_LEAST 0.01

/* Judges the pairs of the lists of all classes, of two datasets or more. Memory: JUDGE_BYTES x classes x K x
 * NEIGHBOUR_WIDTH. STATUS_INTERNAL when that runs out. The caller calls judgement_free in any case. */
#define JUDGE_BYTES 29
enum status judge_pairs(const struct neighbour_lists *lists, int threads, struct judgement *judgement,
                        struct error *error);
void judgement_free(struct judgement *judgement);

/* Puts the pairs in order again, after they were changed. */
void judgement_order(struct judgement *judgement);

struct judge_groups {
    size_t pairs; /* pairs of classes that are in one group */
    double expected; /* how many of these are expected to be right */
};

/* Adds the pairs of at least min_probability to `groups`, by falling probability, as long as a group keeps one class
 * of a dataset and its members agree on the whole: the mean probability over all pairs that the joined group would have
 * across its two parts is at least JUDGE_AGREEMENT times min_probability, pairs that are not in the judgement counting
 * as 0. Two classes of a pair of negative probability, which a person has rejected, are never in one group. A pair's part in `expected` is its own probability, or the product of two through a third member where that is
 * more. STATUS_INTERNAL when memory runs out. */
#define JUDGE_AGREEMENT 0.5
enum status judge_group(const struct judgement *judgement, double min_probability,
                        struct identity_groups *groups, struct judge_groups *made, struct error *error);

#endif
