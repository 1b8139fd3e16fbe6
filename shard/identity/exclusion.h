/* Images of packed datasets that a run leaves out, by tables of shard/list/exclusion_table.h: of each manifest's shards
 * which images these are. */
#ifndef DAIL_SHARD_IDENTITY_EXCLUSION_H
#define DAIL_SHARD_IDENTITY_EXCLUSION_H

#include "proto/error.h"
#include "shard/manifest.h"

#include <stddef.h>
#include <stdint.h>

struct exclusion_counts {
    uint64_t images; /* that are left out, each once */
    uint64_t identities; /* that are left out whole */
    uint64_t elsewhere; /* rows of other datasets, which are passed over */
    char other[SHARD_NAME_MAX]; /* the first of these datasets */
};

/* Reads the tables and gives the manifests' shards their left_out. Opens the shards of images that are named, and all of a
 * dataset where an identity is; reads no images. STATUS_DATA names the first row of an identity or an image that its
 * dataset does not have, a table without a row of these datasets, or a dataset of which nothing is left. */
enum status exclusion_apply(char *const *paths, size_t count, struct manifest *manifests, size_t datasets,
                            struct exclusion_counts *counts, struct error *error);

/* One sentence of them. */
#define EXCLUSION_TOLD 320
void exclusion_tell(const struct exclusion_counts *counts, char *text, size_t size);

/* Makes what is left out part of the manifest's fingerprint. */
void exclusion_mark(struct manifest *manifest);

#endif
