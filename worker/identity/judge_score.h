/* From cosines to the evidence that two classes are one person. */
#ifndef DAIL_WORKER_IDENTITY_JUDGE_SCORE_H
#define DAIL_WORKER_IDENTITY_JUDGE_SCORE_H

#include "worker/identity/judge_work.h"

/* Makes work->evidence the log of the odds by the score alone, from the cosines and the probabilities so far:
 *
 * 1. A mirror image's cosines become those of a stranger: by the line through the mean cosines of equal rank, the
 *    nearest left out, and partners found so far taken out.
 * 2. CSLS (Conneau et al. 2018), 2 cos - r_i - r_j with r the mean cosine to the ten nearest in the other's dataset (a
 *    third of the dataset where that is less), in units of the mirror images' highest scores: mean 0, deviation 1.
 * 3. The highest scores of all classes are a mixture of strangers', Gumbel as the mirror images' are, and of partners',
 *    normal (by expectation and maximisation); the share is each two datasets' own, drawn to that of all.
 */
void judge_score(struct judge_work *work);

#endif
