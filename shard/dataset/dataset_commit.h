/* The moment in which a dataset that was written becomes the one that is there: its files go from the hidden folder to
 * their names, the manifest comes by one rename, and only then those of the dataset that is replaced go. What fails
 * before the rename leaves the old dataset, what fails after it the new one. A small file in the hidden folder,
 * `moving`, says what is on its way, so that whoever comes after a crash can tidy up:
 *   + <file that moves in>   - <file that goes after the commit>
 * Private to shard/dataset/. */
#ifndef DAIL_SHARD_DATASET_DATASET_COMMIT_H
#define DAIL_SHARD_DATASET_DATASET_COMMIT_H

#include "proto/error.h"
#include "proto/folder_lock.h"
#include "shard/manifest.h"

#include <stdbool.h>

#define DATASET_MOVING_NAME "moving" /* within the hidden folder */

struct dataset_commit {
    const char *directory, *hidden;
    struct folder_lock *lock; /* on the hidden folder: checked before each step */
    const struct manifest
        *manifest; /* whole; its files lie in the hidden folder, or under their names already */
};

/* *placed: the new manifest is there, or it cannot be told whether it is; else all is as it was before. STATUS_STORAGE;
 * STATUS_LOST where another owns the hidden folder; STATUS_USAGE where a file of another has one of the names. */
enum status dataset_commit(const struct dataset_commit *commit, bool *placed, struct error *error);

/* After a crash, of a dataset that is not gone on with: removes what had moved in and no manifest lists. */
enum status dataset_remove_moved(const char *directory, const char *hidden, const char *dataset,
                                 struct error *error);

#endif
