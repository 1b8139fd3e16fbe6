/* Files, folders and their names: all that every room needs of them, each thing in one way. What fails is told with
 * its path, what was being done, the system's word for the very call that failed, and what to do next. */
#ifndef DAIL_PROTO_FILE_H
#define DAIL_PROTO_FILE_H

#include "proto/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define PATH_SIZE 1024 /* bytes, with the terminator */

/* --- Names --- */

/* "<directory>/<name>" (or `name` alone if it is absolute or the directory is empty) in path[PATH_SIZE].
 * STATUS_DATA if it does not fit. */
enum status file_join(const char *directory, const char *name, char *path, struct error *error);

/* The folder of `path` ("." if it names none) in directory[PATH_SIZE]. */
void file_directory(const char *path, char *directory);

/* A copy of `path` with the home folder for a ~ that stands alone or before a slash at its beginning, as the shell
 * does it; the caller frees it. A folder of that name is ./~. NULL for another's home (~name), where there is no home,
 * and when memory runs out. */
char *file_expand_home(const char *path);

/* Whether something is there under that name, be it a link that leads nowhere. */
bool file_exists(const char *path);
bool file_is_directory(const char *path);

/* --- Errors --- */

/* A storage error for errno `number` of what was being done ("renaming the file"), with what to do next: more room
 * for ENOSPC and EDQUOT. Returns STATUS_STORAGE. */
enum status file_storage_error(struct error *error, const char *path, const char *doing, int number);

/* The same for what should be there and cannot be read. Returns STATUS_DATA. */
enum status file_data_error(struct error *error, const char *path, int number);

/* --- Writing --- */

/* Writes all of `size` bytes to an open descriptor, however many write(2)s it takes. STATUS_STORAGE names
 * `path` and tells a full disk from other failures. */
enum status file_write_all(int descriptor, const void *bytes, size_t size, const char *path,
                           struct error *error);

/* Makes `path` anew for writing, with the user's umask. A file or a link of that name is removed and never
 * written to; what else has it stays. STATUS_STORAGE. */
enum status file_create(const char *path, int *descriptor, struct error *error);

/* Removes a file or a link to make way for a new file; that there is none is no error. STATUS_STORAGE where anything
 * else has the name. */
enum status file_make_way(const char *path, struct error *error);

/* Opens `path` for reading and for writing at its end, and makes it where it is missing. STATUS_STORAGE. */
enum status file_append(const char *path, int *descriptor, struct error *error);

/* Writes `size` bytes as `path`, whole or not at all: see output.h, through which it goes. STATUS_STORAGE;
 * then what was at `path` is still there. */
enum status file_write_atomic(const char *path, const void *bytes, size_t size, struct error *error);

/* Writes as file_write_atomic what was printed to `stream`, one of open_memstream(text, size): closes it and frees
 * *text. Errors: as there; STATUS_INTERNAL where `stream` is NULL or what was printed found no memory. */
enum status file_write_printed(const char *path, FILE *stream, char **text, const size_t *size,
                               struct error *error);

/* Syncs a file or a folder to the disk: a folder, so that a rename in it survives a power cut. Some network file
 * systems sync a folder with the rename and refuse to be asked (EINVAL, ENOTSUP): that is no error. STATUS_STORAGE. */
enum status file_sync(const char *path, struct error *error);

/* Gives a finished and synced file its name, replacing what has it, and syncs the folder. STATUS_STORAGE. */
enum status file_rename(const char *from, const char *to, struct error *error);

/* --- Reading --- */

enum file_links { FILE_LINKS_FOLLOWED, FILE_LINKS_REFUSED };

/* Reads a whole file of at most `limit` bytes; the text is terminated by a zero byte that *size does not
 * count. The caller frees *bytes. STATUS_DATA when missing, unreadable or larger. */
enum status file_read(const char *path, size_t limit, char **bytes, size_t *size, struct error *error);

/* Opens a plain file for reading and tells its size in bytes. STATUS_DATA where there is none or it cannot be read,
 * and for a link that `links` refuses; then *descriptor is -1. */
enum status file_open(const char *path, enum file_links links, int *descriptor, uint64_t *bytes,
                      struct error *error);

/* Reads `size` bytes at `offset` of an open file. STATUS_DATA, with no path and the system's word, where it cannot be
 * read or ends before. Several threads may call it at once. */
enum status file_read_part(int descriptor, uint64_t offset, void *bytes, size_t size, struct error *error);

/* The size in bytes of a plain file, and with zlib's crc32 of all of it. STATUS_DATA where there is none or it cannot
 * be read, as above. */
enum status file_size(const char *path, enum file_links links, uint64_t *bytes, struct error *error);
enum status file_crc(const char *path, enum file_links links, uint64_t *bytes, uint32_t *crc,
                     struct error *error);

/* --- Folders --- */

/* Whether files may be made at `path`: not through a symbolic link, the last part of the path included, that
 * another user put in a folder that anyone can write to, such as /tmp, to have this program write elsewhere. As the
 * system does, a link there is followed that is the user's own or the folder's owner's, if the folder is sticky.
 * STATUS_STORAGE names the link. */
enum status file_refuse_links(const char *path, struct error *error);

/* The file that `path` stands for when its last part is a link, or links in a row; otherwise `path` itself; in
 * target[PATH_SIZE]. Links are refused as above. STATUS_STORAGE. */
enum status file_follow_links(const char *path, char *target, struct error *error);

/* Makes a folder and those above it. STATUS_STORAGE. */
enum status file_make_directory(const char *path, struct error *error);

/* Removes a folder or file and all in it; one that is not there is no error. Follows no link. STATUS_STORAGE. */
enum status file_remove_tree(const char *path, struct error *error);

#endif
