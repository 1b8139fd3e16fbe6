/* Lists of image pairs as the field publishes them: LFW's pairs.txt, and TSV. Private to shard/. */
#ifndef DAIL_SHARD_PACK_PAIR_LIST_H
#define DAIL_SHARD_PACK_PAIR_LIST_H

#include "proto/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pair_list_pair {
    char *image[2]; /* paths relative to the list's folder */
    int fold; /* as the list numbers it */
    bool same;
};

struct pair_list {
    struct pair_list_pair *pairs; /* [count] */
    size_t count;
    int first_fold; /* 0 or 1: what the list counts folds from */
    bool any_ending; /* the list names no endings: .jpg stands for that of the file that is there */
};

/* Reads a list, told apart by its first line:
 * - LFW: "10 300" (folds and pairs a fold of each verdict) or "300" (one fold), then for each fold 300 lines
 *   "Name a b" (same) and 300 lines "Name a Other b" (not same); the image is Name/Name_%04d.jpg, or
 * whatever ending it has; folds from 1.
 * - TSV: lines of fold, image, image, same (0 or 1); a first line of four words that are no fold, no image and no verdict
 * is a header; folds count from 0 if one is 0, else from 1. STATUS_DATA names the first bad line. */
enum status pair_list_read(const char *path, struct pair_list *list, struct error *error);
void pair_list_free(struct pair_list *list);

#endif
