/* Identity groups from a list of pairs (shard/identity/overlap_list.h): those that are one person, as `dail overlap`
 * finds them or a person knows them.
 *
 * What is certain comes first: pairs that were accepted, or have probability 1. Then the others join by falling
 * probability. A pair that a person rejected is never in one group, whatever leads there.
 */
#ifndef DAIL_WORKER_IDENTITY_FILE_H
#define DAIL_WORKER_IDENTITY_FILE_H

#include "shard/identity/class_index.h"
#include "shard/manifest.h"
#include "worker/loss/identity.h"

struct identity_file_counts {
    size_t pairs; /* joined, or in one group already */
    size_t unlikely; /* left out: below the least probability */
    size_t lost; /* left out: a likelier pair has the place, or a rejected one stands in the way */
    size_t rejected; /* by a person */
};

/* Adds the groups of the list at `path` to `groups`, whose datasets are datasets[count] in the same order. Pairs below
 * min_probability are left out unless they were accepted. STATUS_DATA, with file and line, where the list names a
 * dataset or an identity that is not here, an identity and itself, or where what is certain would put two classes of a
 * dataset, or a rejected pair, into one group; then `groups` are of no use. */
enum status identity_file_read(const char *path, const struct class_names *datasets, size_t count,
                               double min_probability, struct identity_groups *groups,
                               struct identity_file_counts *counts, struct error *error);

/* The same for datasets by their manifests[count] and what these call their classes. The caller calls
 * identity_groups_free(*groups). */
enum status identity_file_open(const char *path, const struct manifest *manifests, size_t count,
                               double min_probability, struct identity_groups **groups,
                               struct identity_file_counts *counts, struct error *error);

#endif
