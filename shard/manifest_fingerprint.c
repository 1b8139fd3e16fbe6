/* What tells a dataset from another one of the same name and counts. */
#include "shard/manifest.h"

#include <endian.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define HALF 8 /* digits */
#define NO_NAMES "00000000"

static enum status sum_names(const struct manifest *manifest, uLong *sum, struct error *error)
{
    char **names = NULL;
    *sum = crc32(0, NULL, 0);
    if (!manifest->class_names) {
        return STATUS_OK;
    }
    enum status status = manifest_class_names(manifest, &names, error);
    for (uint32_t i = 0; names && i < manifest->classes; i++) {
        *sum = crc32_z(*sum, (const Bytef *)names[i], strlen(names[i]));
        *sum = crc32(*sum, (const Bytef *)"\n", 1);
        free(names[i]);
    }
    free(names);
    return status;
}

static uLong sum_shards(const struct manifest *manifest)
{
    uLong sum = crc32(0, NULL, 0);
    for (uint32_t i = 0; i < manifest->shard_count; i++) {
        const struct manifest_shard *shard = &manifest->shards[i];
        const uint32_t images = htole32(shard->images), crc = htole32(shard->crc);
        const uint64_t bytes = htole64(shard->bytes);
        sum = crc32(sum, (const Bytef *)&images, sizeof images);
        sum = crc32(sum, (const Bytef *)&bytes, sizeof bytes);
        sum = crc32(sum, (const Bytef *)&crc, sizeof crc);
    }
    return sum;
}

enum status manifest_fingerprint(const struct manifest *manifest, char fingerprint[MANIFEST_FINGERPRINT_SIZE],
                                 struct error *error)
{
    char found[MANIFEST_FINGERPRINT_SIZE];
    uLong names;
    enum status status = sum_names(manifest, &names, error);
    if (status != STATUS_OK) {
        return status;
    }
    snprintf(found, sizeof found, "%08x%08x", (unsigned)names, (unsigned)sum_shards(manifest));
    const char *recorded = manifest->fingerprint;
    if (recorded[0] != '\0' && strcmp(found, recorded) != 0) {
        const bool same_names = strncmp(found, recorded, HALF) == 0;
        return error_set(error, STATUS_DATA, manifest->path,
                         "restore the dataset's files from one copy, or pack the dataset again",
                         "the %s are not those of the packing: their fingerprint is %s and the manifest's %s",
                         same_names ? "shards" : "class names", found, recorded);
    }
    memcpy(fingerprint, found, sizeof found);
    return STATUS_OK;
}

enum manifest_change manifest_compare(const char *before, const char *now)
{
    if (before[0] == '\0' || now[0] == '\0' || strcmp(before, now) == 0) {
        return MANIFEST_SAME;
    }
    const bool named = strncmp(now, NO_NAMES, HALF) != 0;
    return named && strncmp(before, now, HALF) == 0 ? MANIFEST_OTHER_IMAGES : MANIFEST_OTHER_PEOPLE;
}
