/* The files of a checkpoint: whether there is room for them, how they are called and finished. Private to
 * checkpoints. Errors are STATUS_STORAGE; a full disk is said to be one.
 */
#ifndef DAIL_WORKER_CHECKPOINT_CHECKPOINT_FILE_H
#define DAIL_WORKER_CHECKPOINT_CHECKPOINT_FILE_H

#include "proto/error.h"
#include "shard/hdf5/hdf5.h"
#include "worker/checkpoint/checkpoint.h"

#include <stdbool.h>
#include <stdio.h>

/* STATUS_STORAGE for a file whose writing failed in a library that may have lost the errno: asks the file system
 * whether it is full. `error` holds the library's error. */
enum status checkpoint_explain_failure(const char *path, struct error *error);

/* Whether a file of `bytes` has room at `path`, found out by asking the file system for it, where it can be
 * asked: afterwards there is no file. HDF5 cannot close a file that it cannot write, and would
 * hold what it has of it for the life of the process: better not to begin. */
enum status checkpoint_try_space(const char *path, uint64_t bytes, struct error *error);

/* Syncs `directory`/`file` and fills `part` with its size and crc. */
enum status checkpoint_finish_part(const char *directory, const char *file, struct checkpoint_part *part,
                                   struct error *error);

/* Ends the writing of an HDF5 file, `written` being how it went: closes it, and syncs it and fills `part`, or
 * removes it and explains the failure. */
enum status checkpoint_close_part(struct h5_file *h5, const char *directory, const char *file,
                                  enum status written, struct checkpoint_part *part, struct error *error);

/* Shows life, where somebody looks. */
void checkpoint_show_progress(const struct checkpoint_progress *progress);

/* A name that stays within its directory: not empty, no slash, not "." or "..", nothing unprintable. */
bool checkpoint_name_is_plain(const char *name);

/* "classifier-<dataset>.<part>-of-<parts>.h5", part from 1. STATUS_STORAGE if the dataset's name is not
 * plain. */
enum status checkpoint_name_classifier(const char *directory, const char *dataset, uint32_t part,
                                       uint32_t parts, char *file, size_t size, struct error *error);

#endif
