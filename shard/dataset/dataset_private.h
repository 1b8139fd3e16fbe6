/* A dataset that is being written, as the sources of the writer share it. Private to shard/dataset/. */
#ifndef DAIL_SHARD_DATASET_DATASET_PRIVATE_H
#define DAIL_SHARD_DATASET_DATASET_PRIVATE_H

#include "proto/file.h"
#include "proto/folder_lock.h"
#include "shard/dataset/dataset_journal.h"
#include "shard/dataset/dataset_writer.h"
#include "shard/manifest.h"
#include "shard/shard.h"

#include <pthread.h>

/* A shard that a thread of its own brings to its end: to the disk, and its crc. */
struct finishing {
    pthread_t thread;
    bool running;
    struct shard_writer *shard;
    uint64_t bytes;
    uint32_t crc;
    struct dataset_origin *origin; /* [origins], owned */
    uint64_t origins;
    enum status status;
    struct error error;
};

struct dataset_writer {
    struct dataset_plan plan;
    char hidden[PATH_SIZE]; /* the folder */
    struct folder_lock *lock; /* on it */
    uint32_t job_crc; /* of plan.job */
    uint32_t generation; /* of the files (shard/dataset/dataset_file.h) */
    struct manifest manifest; /* as far as it is known; its last shard may be open or being finished */
    struct shard_writer *shard; /* the open one, or NULL */
    struct finishing finishing; /* the one before */
    struct journal_shard *finished; /* [plan.shards] */
    struct dataset_origin
        *origin; /* [origins], owned: of the open shard's images, with those that were skipped */
    uint64_t origins, capacity;
    bool journaled; /* what is finished stays for the next try */
    bool done; /* nothing in the hidden folder is of use any more */
    bool unsettled; /* all in it is: the new manifest is there, and more went wrong */
    uint64_t kept_before; /* tally.kept where the open shard begins */
    struct dataset_tally tally;
};

/* --- The hidden folder (dataset_hidden.c) --- */

/* Makes it, or checks that it is this user's alone, and becomes its owner. */
enum status dataset_hidden_own(struct dataset_writer *writer, struct error *error);
/* Removes what is not to be kept. */
void dataset_hidden_clear(const struct dataset_writer *writer);
/* Leaves it to whoever comes next, or removes it where nothing is kept. What was lost to another is left alone. */
void dataset_hidden_leave(struct dataset_writer *writer);

/* --- Going on (dataset_resume.c) --- */

/* Counts the shards that an earlier try finished of the same job. */
enum status dataset_take_finished(struct dataset_writer *writer, struct error *error);
/* The generation of files that no other dataset has, unless it is that of what is gone on from. */
enum status dataset_choose_names(struct dataset_writer *writer, struct error *error);

/* --- The state (dataset_state.c) --- */

/* printf's text to the plan's tell. */
void dataset_tell(const struct dataset_writer *writer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The manifest has one more shard. */
enum status dataset_list_shard(struct dataset_writer *writer, struct error *error);
/* The manifest's last shard, whose file has these bytes, is finished. */
void dataset_count_shard(struct dataset_writer *writer, const struct journal_shard *shard);
/* Of the manifest's last shard. */
void dataset_count_encoding(struct manifest *manifest, enum image_encoding encoding);

#endif
