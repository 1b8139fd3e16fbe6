/* The segments of a status log: what is put aside when `status.jsonl` has become large is `status.jsonl.000001`, then
 * `status.jsonl.000002` and so on. A segment keeps its number, so that a rotation renames one file alone. */
#ifndef DAIL_PROTO_STATUS_STATUS_SEGMENT_H
#define DAIL_PROTO_STATUS_STATUS_SEGMENT_H

#include "proto/file.h"

#include <stdint.h>
#include <sys/stat.h>

/* The path of a segment of the log `log`, in path[PATH_SIZE]. STATUS_DATA if it does not fit. */
enum status status_segment_path(const char *log, int64_t number, char *path, struct error *error);

/* The numbers of the segments that are there, rising; returns how many. The caller frees *numbers. Where the folder
 * cannot be read, or without memory, there are none. */
size_t status_segment_list(const char *log, int64_t **numbers);

/* The number of the segment that is the file of `info`; 0: none. */
int64_t status_segment_of(const char *log, const struct stat *info);

#endif
