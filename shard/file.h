/* Files as wholes: their crc, and how a finished one takes its place. */
#ifndef DAIL_SHARD_FILE_H
#define DAIL_SHARD_FILE_H

#include "proto/error.h"

#include <stdbool.h>
#include <stdint.h>

#define FILE_PATH_MAX 1024 /* bytes, with the terminator */

/* "<directory>/<name>" (or `name` alone if it is absolute or the directory is empty) in path[FILE_PATH_MAX].
 * STATUS_DATA if it does not fit. */
enum status file_join(const char *directory, const char *name, char *path, struct error *error);

/* The directory part of `path` ("." if it has none) in directory[FILE_PATH_MAX]. */
void file_directory(const char *path, char *directory);

/* Whether something is there under that name. */
bool file_exists(const char *path);
bool file_is_directory(const char *path);

/* Size in bytes and zlib's crc32 of the whole file. STATUS_DATA if it cannot be read. */
enum status file_crc(const char *path, uint64_t *bytes, uint32_t *crc, struct error *error);

/* Reads a whole file into new memory that the caller frees, with a 0 byte after its end. STATUS_DATA if it
 * cannot be read or is larger than `most` bytes. */
enum status file_read(const char *path, uint64_t most, char **bytes, size_t *size, struct error *error);

/* Makes a directory and those that lead to it. STATUS_STORAGE. */
enum status file_make_directory(const char *path, struct error *error);

/* Writes the file to disk (fsync). STATUS_STORAGE. */
enum status file_sync(const char *path, struct error *error);

/* Gives a finished and synced file its name, replacing what has it, and syncs the directory. STATUS_STORAGE.
 */
enum status file_rename(const char *from, const char *to, struct error *error);

#endif
