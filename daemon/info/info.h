/* What one of our files holds, in words. */
#ifndef DAIL_DAEMON_INFO_INFO_H
#define DAIL_DAEMON_INFO_INFO_H

#include "proto/error.h"
#include "shard/kind.h"

#include <stdio.h>

/* Prints a description of `path` to `output`, for people to read. STATUS_DATA if it cannot be read; then some
 * of it may have been printed. Reads no images. */
enum status info_print(const char *path, enum kind kind, FILE *output, struct error *error);

#endif
