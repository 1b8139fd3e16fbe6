/* Files as every room needs them: written whole or not at all, read with a bound on their size. */
#ifndef DAIL_PROTO_FILE_H
#define DAIL_PROTO_FILE_H

#include "proto/error.h"

#include <stddef.h>
#include <stdint.h>

/* Writes all of `size` bytes to an open descriptor, however many write(2)s it takes. STATUS_STORAGE names
 * `path` and tells a full disk from other failures. */
enum status file_write_all(int descriptor, const void *bytes, size_t size, const char *path,
                           struct error *error);

/* Whether files may be made at `path`: not through a symbolic link, the last part of the path included, in a
 * folder that anyone can write to, such as /tmp, where another user could have put it to have this program
 * write elsewhere. Links in any other folder are the user's own and are followed. STATUS_STORAGE names the
 * link. */
enum status file_refuse_links(const char *path, struct error *error);

/* Makes `path` anew for writing, with the user's umask. What had the name, be it a link, is removed and never
 * written to. STATUS_STORAGE. */
enum status file_create(const char *path, int *descriptor, struct error *error);

/* Opens `path` for reading and for writing at its end, and makes it where it is missing. STATUS_STORAGE. */
enum status file_append(const char *path, int *descriptor, struct error *error);

/* Writes `size` bytes as `path`: under "<path>.tmp", synced, renamed, the directory synced. STATUS_STORAGE;
 * then what was at `path` is still there. */
enum status file_write_atomic(const char *path, const void *bytes, size_t size, struct error *error);

/* Reads a whole file of at most `limit` bytes; the text is terminated by a zero byte that *size does not
 * count. The caller frees *bytes. STATUS_DATA when missing, unreadable or larger. */
enum status file_read(const char *path, size_t limit, char **bytes, size_t *size, struct error *error);

/* Makes a directory and those above it. STATUS_STORAGE. */
enum status file_make_directory(const char *path, struct error *error);

/* Syncs a directory, so that a rename in it survives a power cut. STATUS_STORAGE. */
enum status file_sync_directory(const char *path, struct error *error);

/* A storage error for errno `number`, with what to do next: more room for ENOSPC and EDQUOT. Returns
 * STATUS_STORAGE. */
enum status file_storage_error(struct error *error, const char *path, const char *doing, int number);

#endif
