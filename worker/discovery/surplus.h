/* More pairs than the judge is sure of, for a training, where late pairs cost more than wrong ones: those that are each
 * other's nearest in two datasets, by how many more there are of their score than of mirror images' (Elias and Gygi 2007:
 * the target-decoy estimate). A mirror image, the negative of a centre, is nobody's, so what is nearest to it is so by
 * chance.
 *
 * Where strangers are more alike than mirror images are, and few people are shared, that promises too much. So its
 * probabilities are taken for as much as twice the share of its likely pairs that the judge, who looks at third datasets
 * too, holds likely as well, and at most for what they are.
 */
#ifndef DAIL_WORKER_DISCOVERY_SURPLUS_H
#define DAIL_WORKER_DISCOVERY_SURPLUS_H

#include "worker/identity/judge.h"

/* Adds the pairs to a judgement of the same lists, of all classes, or raises the probability of those that it has.
 * STATUS_INTERNAL when memory runs out. */
enum status surplus_add(const struct neighbour_lists *lists, struct judgement *judgement,
                        struct error *error);

#endif
