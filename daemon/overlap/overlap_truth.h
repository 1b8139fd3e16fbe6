/* What is known of the people that a checkpoint's datasets share: a list by name, told in its classes.
 */
#ifndef DAIL_DAEMON_OVERLAP_OVERLAP_TRUTH_H
#define DAIL_DAEMON_OVERLAP_OVERLAP_TRUTH_H

#include "daemon/overlap/checkpoint_data.h"
#include "worker/evaluate/overlap.h"
#include "worker/loss/identity.h"

struct overlap_truth {
    struct overlap_pair *known; /* [count], each once, dataset[0] < dataset[1]; owned */
    size_t count;
    size_t elsewhere; /* rows that name no two identities of two of the datasets */
};

/* Reads the list at `path` (shard/identity/overlap_list.h) for data[count]. An identity is named as in its dataset's
 * file of class names, or by its number where there is none. STATUS_DATA when not one row is of these
 * datasets. The caller calls overlap_truth_free in any case. */
enum status overlap_truth_read(const char *path, const struct checkpoint_data *data, size_t count,
                               struct overlap_truth *truth, struct error *error);
void overlap_truth_free(struct overlap_truth *truth);

bool overlap_truth_has(const struct overlap_truth *truth, const struct overlap_pair *pair);

/* Pairs of classes that are one person by the groups, and how many of them are known. */
void overlap_truth_count(const struct overlap_truth *truth, const struct identity_groups *groups,
                         size_t *pairs, size_t *right);

#endif
