/* Paths, and files as wholes: their crc, and how a finished one takes its place. */
#ifndef DAIL_PROTO_PATH_H
#define DAIL_PROTO_PATH_H

#include "proto/error.h"

#include <stdbool.h>
#include <stdint.h>

#define PATH_SIZE 1024 /* bytes, with the terminator */

/* "<directory>/<name>" (or `name` alone if it is absolute or the directory is empty) in path[PATH_SIZE].
 * STATUS_DATA if it does not fit. */
enum status path_join(const char *directory, const char *name, char *path, struct error *error);

/* The directory part of `path` ("." if it has none) in directory[PATH_SIZE]. */
void path_directory(const char *path, char *directory);

/* Whether something is there under that name. */
bool path_exists(const char *path);
bool path_is_directory(const char *path);

/* Size in bytes and zlib's crc32 of the whole file. STATUS_DATA if it cannot be read. */
enum status path_crc(const char *path, uint64_t *bytes, uint32_t *crc, struct error *error);

/* Writes the file to disk (fsync). STATUS_STORAGE. */
enum status path_sync(const char *path, struct error *error);

/* Gives a finished and synced file its name, replacing what has it, and syncs the directory. STATUS_STORAGE.
 */
enum status path_rename(const char *from, const char *to, struct error *error);

#endif
