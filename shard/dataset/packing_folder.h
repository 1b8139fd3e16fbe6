/* The hidden folder beside what is being packed, `.<name>.packing`: its owner packs that name, and nobody else does. */
#ifndef DAIL_SHARD_DATASET_PACKING_FOLDER_H
#define DAIL_SHARD_DATASET_PACKING_FOLDER_H

#include "proto/error.h"
#include "proto/file.h"
#include "proto/folder_lock.h"

/* "<directory>/.<name>.packing" in path[PATH_SIZE]. STATUS_DATA if it does not fit. */
enum status packing_folder_path(const char *directory, const char *name, char *path, struct error *error);

/* Makes the folder, and those above it, and becomes its owner. STATUS_USAGE where another process owns it, or where
 * it is another user's or others can write to it; STATUS_STORAGE. `warning` says whom this one replaced, if anyone;
 * else it is empty. On success the caller calls folder_lock_release and removes the folder. */
enum status packing_folder_own(const char *path, struct folder_lock **lock, char *warning, size_t size,
                               struct error *error);

#endif
