/* Several files by one text, as WebDataset and shells name them: "set-{0000..0099}.tar", "{a,b}.tar", "set-*.tar".
 * Private to shard/. */
#ifndef DAIL_SHARD_ARCHIVE_FILE_PATTERN_H
#define DAIL_SHARD_ARCHIVE_FILE_PATTERN_H

#include "proto/error.h"
#include "shard/name_list.h"

#define FILE_PATTERN_MAX 100000 /* files */

/* Adds the files to `files`, those of braces in the order that these give, others by name. A folder stands for all files in
 * it that end in one of `endings` (up to NULL). STATUS_DATA where a part of the pattern meets no file, or a file is there
 * twice. */
enum status file_pattern_expand(const char *pattern, const char *const *endings, struct name_list *files,
                                struct error *error);

#endif
