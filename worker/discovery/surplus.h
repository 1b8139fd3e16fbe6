/* More pairs than the judge is sure of, for a training, where late pairs cost more than wrong ones: those that are each
 * other's likeliest in two datasets (consensus.h), by how many more there are of their odds than of mirror images' (Elias
 * and Gygi 2007: the target-decoy estimate). A mirror image, the negative of a centre, is nobody's, so what is likeliest
 * to it is so by chance.
 *
 * First those are counted that stand out without the help that chance gives to classes alone (`apart` in consensus.h). Where
 * they are too few there are none: real centres have look-alikes that mirror images do not have. Otherwise come the
 * likeliest by all support: for each that stands out up to four, with ten third datasets, as only these can tell the
 * others; hardly more than one where there are none, or one dataset has most of the people. So it finds pairs even where
 * the judge, who promises no more than it keeps, cannot tell.
 */
#ifndef DAIL_WORKER_DISCOVERY_SURPLUS_H
#define DAIL_WORKER_DISCOVERY_SURPLUS_H

#include "worker/identity/judge.h"

/* Adds the pairs to a judgement of the same lists, of all classes, or raises the probability of those that it has; of a
 * judgement that knows nothing it takes the place. Memory: SURPLUS_BYTES x classes x K x NEIGHBOUR_WIDTH. STATUS_INTERNAL
 * when that runs out. */
#define SURPLUS_BYTES 49
enum status surplus_add(const struct neighbour_lists *lists, int threads, struct judgement *judgement,
                        struct error *error);

#endif
