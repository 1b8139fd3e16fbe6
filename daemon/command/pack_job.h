/* What `dail pack` was asked for: its options, and what they make of what. */
#ifndef DAIL_DAEMON_COMMAND_PACK_JOB_H
#define DAIL_DAEMON_COMMAND_PACK_JOB_H

#include "daemon/terminal/options.h"
#include "proto/error.h"
#include "proto/file.h"
#include "shard/align/face_table.h"
#include "shard/pack/pack.h"

#include <stdbool.h>
#include <stdint.h>

/* How images are brought to a square; 0: by their faces where a table is named, else the middle of them. */
enum { ALIGN_CENTER = 1, ALIGN_PAD, ALIGN_LANDMARKS, ALIGN_NONE };

struct pack_options {
    int align;
    const char *landmarks;
    const char *database, *list, *labelled, *pickle, *images, *output, *name, *include, *exclude, *left_out,
        *label_key;
    struct option_strings records, archives;
    enum pack_labels labels;
    struct option_numbers folds;
    uint64_t seed, shard_bytes;
    int id, min_images, max_images;
    bool compact, force;
    struct pack_style style;
};

/* What is made of what. */
enum pack_mode { PACK_FOLDER, PACK_LIST, PACK_RECORDIO, PACK_TAR, PACK_LMDB, PACK_PAIRS, PACK_PICKLE };

struct pack_job {
    const struct pack_options *options;
    enum pack_mode mode;
    const char *source; /* folder, list, RecordIO set, archives or pickle */
    char joined[PATH_SIZE]; /* all sources of one kind, where there are several */
    char name[256], directory[1024]; /* of what is made */
    struct pack_style style;
    struct face_table faces; /* empty without --landmarks */
};

/* The one source that job->options and the operand, or NULL, name, what is made of it, and its name. What does not suit
 * each other is STATUS_USAGE. */
enum status pack_job_interpret(struct pack_job *job, const char *folder, struct error *error);

/* It makes a verification set, not a dataset. */
bool pack_job_makes_set(const struct pack_job *job);

enum status pack_job_run(const struct pack_job *job, struct pack_result *result, struct error *error);

#endif
