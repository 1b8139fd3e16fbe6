/* Which of our files a path is: by its content, never by its name alone. */
#ifndef DAIL_SHARD_KIND_H
#define DAIL_SHARD_KIND_H

#include "proto/error.h"

enum kind {
    KIND_SHARD,
    KIND_PAIRS,
    KIND_HDF5, /* another HDF5 file of ours: a part of a checkpoint, a trace */
    KIND_MANIFEST,
    KIND_CHECKPOINT, /* a directory with state.yaml and COMMIT */
    KIND_RUN, /* a run's directory */
    KIND_STATUS /* a status log */
};

/* STATUS_DATA when it is missing or none of these. */
enum status kind_of_path(const char *path, enum kind *kind, struct error *error);

#endif
