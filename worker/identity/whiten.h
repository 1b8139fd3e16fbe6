/* Directions in which prepared centres (centre.h) hardly differ made to count as much as the others: a network that has
 * only begun to learn tells most people apart in few directions, and what these are of, light and pose, is no one's own.
 *
 * Rows x become L^-1 x, of length 1, where L L' = S + WHITEN_RIDGE t I, S is the mean of x x' over all centres of all
 * datasets and t its mean diagonal. Where the rows are spread over owners, each adds its own to the sums, these are added
 * up over the owners, and each whitens its rows.
 */
#ifndef DAIL_WORKER_IDENTITY_WHITEN_H
#define DAIL_WORKER_IDENTITY_WHITEN_H

#include "worker/identity/centre.h"

#define WHITEN_RIDGE 0.4

/* Adds x x' of each row that is a number to sums [D][D], of which only the lower triangle is used. */
void whiten_add_to_sums(const struct centre_space *space, const struct centre_block *block, double *sums);

/* Makes L of the sums, in their place. Returns false where there are no centres to make it of. */
bool whiten_factor(const struct centre_space *space, double *sums);

void whiten_rows(const struct centre_space *space, const double *factor, struct centre_block *block,
                 int threads);

#endif
