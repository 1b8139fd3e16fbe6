/* Lists of identities that are the same person in two datasets: TSV lines of dataset, identity, dataset,
 * identity, as `dail synth` writes them and `dail overlap` prints them.
 */
#ifndef DAIL_SHARD_OVERLAP_LIST_H
#define DAIL_SHARD_OVERLAP_LIST_H

#include "proto/error.h"

#include <stddef.h>

struct overlap_list_row {
    const char *dataset[2], *identity[2]; /* into the list's text */
};

struct overlap_list {
    struct overlap_list_row *rows; /* [count], owned */
    size_t count;
    char *text; /* private */
};

/* What the first line may be: then it is no row. */
#define OVERLAP_LIST_HEADER "dataset_a\tidentity_a\tdataset_b\tidentity_b"

/* Fields after the fourth are passed over, and so are empty lines. STATUS_DATA names the first line that has
 * fewer or an empty one, or the file where it is missing. The caller calls overlap_list_free in any case. */
enum status overlap_list_read(const char *path, struct overlap_list *list, struct error *error);
void overlap_list_free(struct overlap_list *list);

#endif
