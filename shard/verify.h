/* Checking data at rest, all of it: every count, offset, crc and image header. */
#ifndef DAIL_SHARD_VERIFY_H
#define DAIL_SHARD_VERIFY_H

#include "proto/error.h"
#include "shard/kind.h"
#include "shard/manifest.h"

#include <stdint.h>

struct verify_report {
    uint64_t files, images, bytes; /* checked */
};

struct verify_listener {
    void (*progress)(void *context, uint64_t done, uint64_t total); /* images; may be NULL */
    void *context;
};

/* Checks a shard, a manifest with all it lists, or a verification set, and adds to the report. Stops at the
 * first fault: STATUS_DATA names the file, and where it is an image's, its number and bytes. A shard alone
 * has no crc of the whole file: only its manifest has. STATUS_USAGE for another kind. */
enum status verify_file(const char *path, enum kind kind, const struct verify_listener *listener,
                        struct verify_report *report, struct error *error);

/* The same of one shard of a manifest: what the manifest says of it, the file's crc included. */
enum status verify_shard_of(const struct manifest *manifest, uint32_t shard,
                            const struct verify_listener *listener, struct verify_report *report,
                            struct error *error);

#endif
