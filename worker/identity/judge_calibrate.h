/* From log odds to probabilities that hold: mirror images are nobody, so their matches are all wrong, and as many of
 * the classes' own matches of the same odds are wrong. */
#ifndef DAIL_WORKER_IDENTITY_JUDGE_CALIBRATE_H
#define DAIL_WORKER_IDENTITY_JUDGE_CALIBRATE_H

#include "worker/identity/judge_work.h"

/* What the pairs above even odds tell. */
struct judge_evidence {
    double own, mirror; /* pairs of classes, and pairs expected by chance if nobody was shared */
};

/* Counts these by the odds, and from them the share of each dataset's classes whose partner is found. */
void judge_measure(struct judge_work *work, struct judge_evidence *evidence);

/* Makes work->probability of the odds. A mirror image stands for a class without a partner: its pairs count by the share
 * of classes whose partner is not found (half, as both datasets of a pair have mirror images). Pairs are put in order of
 * their odds and cut into bins; the wrong ones' share rises as odds fall (pool adjacent violators), and is interpolated
 * between the bins' means. STATUS_INTERNAL when memory runs out. */
enum status judge_calibrate(struct judge_work *work, struct judge_evidence *evidence, struct error *error);

/* Whether an entry stands for its pair: in the first class's list, or where it is in the second's alone. */
bool judge_stands(const struct judge_work *work, uint64_t class, size_t place);

#endif
