/* Lists of identities that are the same person in two datasets: TSV lines of dataset, identity, dataset, identity,
 * as `dail synth` writes them and `dail overlap` prints them.
 *
 * The first line may be a header that begins with OVERLAP_LIST_HEADER. Then these columns after the fourth are read,
 * each where its name stands, and the others are passed over:
 *   probability  that the two are one person, 0 to 1
 *   verdict      a person's word on the pair, for good: `accept`, `reject`, or empty
 */
#ifndef DAIL_SHARD_IDENTITY_OVERLAP_LIST_H
#define DAIL_SHARD_IDENTITY_OVERLAP_LIST_H

#include "proto/error.h"

#include <stddef.h>

#define OVERLAP_LIST_HEADER "dataset_a\tidentity_a\tdataset_b\tidentity_b"

/* In a run's folder: the list of identities that stand in the verification set of that name. */
#define OVERLAP_LEAKAGE_FILE "leakage-%s.tsv"

enum overlap_verdict { OVERLAP_UNJUDGED, OVERLAP_ACCEPTED, OVERLAP_REJECTED };

struct overlap_list_row {
    const char *dataset[2], *identity[2]; /* into the list's text */
    double probability; /* 1 where the list has none */
    enum overlap_verdict verdict;
    size_t line; /* from 1 */
};

struct overlap_list {
    struct overlap_list_row *rows; /* [count], owned */
    size_t count;
    char *text; /* private */
};

/* Empty lines are passed over, and so are fields after the fourth without a header that names them. STATUS_DATA names
 * the first line that has fewer, an empty one, no probability or no verdict where there should be one, or the file
 * where it is missing. The caller calls overlap_list_free in any case. */
enum status overlap_list_read(const char *path, struct overlap_list *list, struct error *error);
void overlap_list_free(struct overlap_list *list);

#endif
