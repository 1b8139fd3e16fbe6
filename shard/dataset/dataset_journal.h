/* What is finished of a dataset that is being written, so that an interrupted writing can go on: small files in the hidden
 * folder, `job` (what is being made: lines of a key and its value), `finished` (the crc of the job that it is of, the
 * generation of the files, and a line for each shard) and `<shard>.origins` (what each of its images was made of). Private
 * to shard/dataset/. */
#ifndef DAIL_SHARD_DATASET_DATASET_JOURNAL_H
#define DAIL_SHARD_DATASET_DATASET_JOURNAL_H

#include "proto/error.h"
#include "shard/dataset/dataset_writer.h"

#include <stdint.h>

#define DATASET_ORIGINS_ENDING ".origins" /* after the name of the shard's file */

struct journal_shard {
    uint32_t images, kept;
    uint64_t bytes; /* of the file */
    uint32_t crc; /* of the file */
    uint32_t origins; /* crc of those of its images */
};

struct dataset_journal {
    struct journal_shard *shards; /* [count], the finished ones from the first on; the caller frees them */
    uint32_t count;
    uint32_t generation; /* of their files; 0 without any */
    char difference[256]; /* what is another than in `job`: "seed is 2, and was 1"; empty: nothing */
};

/* Reads what `directory` holds. Nothing is believed of the shards themselves. STATUS_DATA where the system fails to read
 * it; journal->shards is to be freed all the same. */
enum status dataset_journal_read(const char *directory, const char *job, struct dataset_journal *journal,
                                 struct error *error);

/* The origins of a shard's images, origin[count], are a file of their own. Reads them as new memory that the caller frees;
 * NULL where they are not the ones whose crc was recorded. STATUS_DATA where the system fails to read them. */
enum status dataset_journal_origins(const char *directory, const char *shard_file, uint64_t count,
                                    uint32_t crc, struct dataset_origin **origin, struct error *error);

/* Writes them. STATUS_STORAGE. */
enum status dataset_journal_write_origins(const char *directory, const char *shard_file,
                                          const struct dataset_origin *origin, uint64_t count, uint32_t *crc,
                                          struct error *error);

/* Begins the record of a job, whose crc is *job_crc. STATUS_STORAGE. */
enum status dataset_journal_begin(const char *directory, const char *job, uint32_t *job_crc,
                                  struct error *error);

/* Records that shards[count] are finished, the last of them just now. STATUS_STORAGE. */
enum status dataset_journal_write(const char *directory, uint32_t job_crc, uint32_t generation,
                                  const struct journal_shard *shards, uint32_t count, struct error *error);

#endif
