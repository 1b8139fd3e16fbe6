/* From evidence of single pairs to matches between datasets, and from these to evidence through third datasets. */
#ifndef DAIL_WORKER_IDENTITY_JUDGE_MATCH_H
#define DAIL_WORKER_IDENTITY_JUDGE_MATCH_H

#include "worker/identity/judge_work.h"

/* Whose reverse entries they are; once, before the rest. */
void judge_match_begin(struct judge_work *work);

/* Makes work->odds the log of each entry's odds: this pair against every other match of its two classes, and none. In
 * both directions at once, by belief propagation on the matching of each two datasets (a class has one partner or
 * nobody). Mirror images are matched as a class more, which the others do not see. */
void judge_match(struct judge_work *work);

/* Adds to work->evidence what third datasets say of each entry, by the probabilities so far: for each, the log of the
 * likelihood of both classes' partners there if they are one person over that if they are two. Classes that look alike
 * find the same third ones, so the sum is weighed down. */
void judge_support(struct judge_work *work);

#endif
