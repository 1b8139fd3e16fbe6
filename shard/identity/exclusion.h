/* Images of packed datasets that a run leaves out, by lists that people or `dail overlap --within` wrote: TSV lines of
 *
 *   dataset identity image reason
 *
 * An empty image is all of the identity's. An image is named `<shard file>:<number in it>`, as `dail embed` does; an
 * empty identity beside it is whoever it is of. The reason is for people, and so are further fields. The first line may
 * be a header that begins with EXCLUSION_HEADER.
 */
#ifndef DAIL_SHARD_IDENTITY_EXCLUSION_H
#define DAIL_SHARD_IDENTITY_EXCLUSION_H

#include "proto/error.h"
#include "shard/manifest.h"

#include <stddef.h>
#include <stdint.h>

#define EXCLUSION_HEADER "dataset\tidentity\timage\treason"

struct exclusion_counts {
    uint64_t images; /* that are left out, each once */
    uint64_t identities; /* that are left out whole */
};

/* Reads the lists, each line of which must be of these datasets, and gives the manifests' shards their left_out. Opens
 * the shards of images that are named, and all of a dataset where an identity is; reads no images. STATUS_DATA names the
 * first line that fits nothing, or a dataset of which nothing is left. */
enum status exclusion_apply(char *const *paths, size_t count, struct manifest *manifests, size_t datasets,
                            struct exclusion_counts *counts, struct error *error);

/* Makes what is left out part of the manifest's fingerprint. */
void exclusion_mark(struct manifest *manifest);

#endif
