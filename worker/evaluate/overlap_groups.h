/* Which of the pairs that are each other's nearest are probably the same person, told from the pairs alone.
 *
 * Those of the same person are ahead of the others in their cosine, and in how far the next nearest is behind
 * it. The pairs are taken for a mixture of two groups, each normal in cosine and lead with a mean of its own
 * and a spread that both have (by expectation and maximisation, Dempster, Laird and Rubin 1977), and the
 * upper group for the people that two datasets share. The nearest within one dataset tells nothing about
 * people of two: training keeps the classes of a dataset apart, and only those.
 *
 * There are two groups in any pairs. Where nobody is shared the upper one is of people who look alike; that
 * it is hardly above the other, `apart` tells.
 */
#ifndef DAIL_WORKER_EVALUATE_OVERLAP_GROUPS_H
#define DAIL_WORKER_EVALUATE_OVERLAP_GROUPS_H

#include "worker/evaluate/overlap.h"

#define OVERLAP_GROUPS_LEAST 10 /* pairs */
#define OVERLAP_GROUPS_APART 4.5 /* where people were shared it was more */

struct overlap_groups {
    double share; /* of the upper group, 0 to 1 */
    double mean[2][2]; /* of the lower and the upper group: cosine, lead */
    double variance[2]; /* of cosine and lead within a group */
    double apart; /* how far the means are apart, in standard deviations */
};

/* Fits the groups to the pairs that are mutual. STATUS_DATA where they are fewer than OVERLAP_GROUPS_LEAST or
 * no group is above another in both; STATUS_INTERNAL when memory runs out. */
enum status overlap_groups_fit(const struct overlap_pair *pairs, size_t count, struct overlap_groups *groups,
                               struct error *error);

/* The probability that a pair is of the upper group. What is nearer or further ahead is never less probable.
 */
double overlap_groups_probability(const struct overlap_groups *groups, const struct overlap_pair *pair);

#endif
