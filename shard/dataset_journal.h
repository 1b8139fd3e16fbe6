/* What is finished of a dataset that is being written, so that an interrupted writing can go on: two small
 * files in the hidden folder, `job` (what is being made) and `finished` (a line for each shard). Private to
 * shard/. */
#ifndef DAIL_SHARD_DATASET_JOURNAL_H
#define DAIL_SHARD_DATASET_JOURNAL_H

#include "proto/error.h"

#include <stdint.h>

struct journal_shard {
    uint32_t images, kept;
    uint64_t bytes; /* of the file */
    uint32_t crc; /* of the file */
};

/* Whether `directory` holds shards of the same job. Then *shards, which the caller frees, are the finished
 * ones from the first on, *count of them, at most `most`; else *count is 0. Nothing is believed of the shards
 * themselves. STATUS_INTERNAL without memory. */
enum status dataset_journal_read(const char *directory, const char *job, uint32_t most,
                                 struct journal_shard **shards, uint32_t *count, struct error *error);

/* Begins the record of a job. STATUS_STORAGE. */
enum status dataset_journal_begin(const char *directory, const char *job, struct error *error);

/* Records that shards[count] are finished, the last of them just now. STATUS_STORAGE. */
enum status dataset_journal_write(const char *directory, const struct journal_shard *shards, uint32_t count,
                                  struct error *error);

#endif
