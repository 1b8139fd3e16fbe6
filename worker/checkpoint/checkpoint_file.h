/* Files and directories as checkpoints need them: written so that they last, measured, removed. Private to
 * checkpoints. Errors are STATUS_STORAGE; a full disk is said to be one.
 */
#ifndef DAIL_WORKER_CHECKPOINT_CHECKPOINT_FILE_H
#define DAIL_WORKER_CHECKPOINT_CHECKPOINT_FILE_H

#include "proto/error.h"
#include "shard/hdf5/hdf5.h"
#include "worker/checkpoint/checkpoint.h"

#include <stdbool.h>
#include <stdio.h>

/* STATUS_STORAGE for a failed system call (`number`: its errno); ENOSPC and EDQUOT become "no space". */
enum status checkpoint_storage_error(const char *path, const char *what, int number, struct error *error);

/* The same for a file whose writing failed in a library that may have lost the errno: asks the file system
 * whether it is full. `error` holds the library's error. */
enum status checkpoint_explain_failure(const char *path, struct error *error);

/* Whether a file of `bytes` has room at `path`, found out by asking the file system for it, where it can be
 * asked: afterwards there is no file. HDF5 cannot close a file that it cannot write, and would
 * hold what it has of it for the life of the process: better not to begin. */
enum status checkpoint_try_space(const char *path, uint64_t bytes, struct error *error);

enum status checkpoint_make_directory(const char *path, struct error *error);

/* Syncs a file or a directory to the disk. */
enum status checkpoint_sync(const char *path, struct error *error);

/* Size and crc32 of a regular file (never through a symbolic link). STATUS_DATA if it cannot be read. */
enum status checkpoint_file_crc(const char *path, uint64_t *bytes, uint32_t *crc, struct error *error);

/* Size of a regular file. STATUS_DATA if there is none. */
enum status checkpoint_file_size(const char *path, uint64_t *bytes, struct error *error);

/* Syncs `directory`/`file` and fills `part` with its size and crc. */
enum status checkpoint_finish_part(const char *directory, const char *file, struct checkpoint_part *part,
                                   struct error *error);

/* Ends the writing of an HDF5 file, `written` being how it went: closes it, and syncs it and fills `part`, or
 * removes it and explains the failure. */
enum status checkpoint_close_part(struct h5_file *h5, const char *directory, const char *file,
                                  enum status written, struct checkpoint_part *part, struct error *error);

/* A name that stays within its directory: not empty, no slash, not "." or "..", nothing unprintable. */
bool checkpoint_name_is_plain(const char *name);

/* "classifier-<dataset>.<part>-of-<parts>.h5", part from 1. STATUS_STORAGE if the dataset's name is not
 * plain. */
enum status checkpoint_name_classifier(const char *directory, const char *dataset, uint32_t part,
                                       uint32_t parts, char *file, size_t size, struct error *error);

/* "directory/file". STATUS_STORAGE if it does not fit. */
enum status checkpoint_join(const char *directory, const char *file, char *path, size_t size,
                            struct error *error);

/* Removes a directory and all in it; one that is not there is no error. Follows no link. */
enum status checkpoint_remove_tree(const char *path, struct error *error);

#endif
