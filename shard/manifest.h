/* A manifest: a dataset's YAML list of its shards, `<dataset>.yaml`, beside them.
 *
 *   dail_format: manifest
 *   version: 1
 *   name, dataset_id, classes, images, image_size (side in pixels), encoding,
 *   shards: [{file, images, bytes, crc, index}], class_names (file: one identity a line), source, fingerprint
 */
#ifndef DAIL_SHARD_MANIFEST_H
#define DAIL_SHARD_MANIFEST_H

#include "proto/error.h"
#include "shard/shard.h"

#include <stdbool.h>
#include <stdint.h>

#define MANIFEST_VERSION 1
#define MANIFEST_FINGERPRINT_SIZE 17 /* 16 hexadecimal digits, with the terminator */

struct manifest_shard {
    char *file; /* relative to the manifest's directory; no "..", not absolute */
    uint32_t images;
    uint64_t bytes; /* of the file */
    uint32_t crc; /* of the file */
    uint32_t index; /* shard_index_crc of it; 0: not recorded, as in older manifests */
    uint32_t *left_out; /* [left_out_count] images that a run leaves out, ascending; owned, or NULL */
    uint32_t left_out_count; /* in no file: shard/identity/exclusion.h */
};

static inline uint32_t manifest_shard_kept(const struct manifest_shard *shard)
{
    return shard->images - shard->left_out_count;
}

/* Image `kept` of those that are not left out. */
uint32_t manifest_shard_image(const struct manifest_shard *shard, uint32_t kept);
/* Whether an image is left out. */
bool manifest_shard_lacks(const struct manifest_shard *shard, uint32_t image);

struct manifest {
    char path[1024];
    char directory[1024];
    char name[SHARD_NAME_MAX];
    uint32_t dataset_id; /* of the packer's choice; nothing is told apart by it */
    uint32_t classes;
    uint64_t images;
    int image_size;
    enum image_encoding encoding; /* IMAGE_UNKNOWN: "mixed", the shards' may differ */
    struct manifest_shard *shards; /* [shard_count], owned */
    uint32_t shard_count;
    char *class_names; /* file, or NULL */
    char *source; /* where the images came from, or NULL */
    char fingerprint[MANIFEST_FINGERPRINT_SIZE]; /* as recorded; empty in older manifests */
};

/* Images that are not left out. */
uint64_t manifest_kept(const struct manifest *manifest);

/* Strictly read: an unknown key, a missing one, a wrong type is STATUS_DATA with file and line. */
enum status manifest_open(const char *path, struct manifest *manifest, struct error *error);
void manifest_close(struct manifest *manifest);
enum status manifest_is_valid(const struct manifest *manifest, struct error *error);
/* Writes by a temporary name and rename. */
enum status manifest_write(const struct manifest *manifest, const char *path, struct error *error);

/* Opens shard `index` of the manifest and checks that it is the one the manifest means: name, id, number,
 * counts, classes, and each image's label and crc where the manifest tells (index). Does not read the whole file (dail
 * verify does). */
enum status manifest_open_shard(const struct manifest *manifest, uint32_t index, struct shard *shard,
                                struct error *error);

/* Reads the class names: one line each. The caller frees names[i] and names. STATUS_DATA unless there are
 * `classes` of them. */
enum status manifest_class_names(const struct manifest *manifest, char ***names, struct error *error);

/* Tells a dataset from another one of the same name and counts: the first eight digits are the crc32 of the class
 * names, each with its '\n' (00000000 without any), the others that of the shards' images (uint32), bytes (uint64) and
 * crc (uint32), little-endian, in order. What files are called and where they lie does not count. A manifest that
 * records none has one too. STATUS_DATA where the class names cannot be read, or another fingerprint is recorded. */
enum status manifest_fingerprint(const struct manifest *manifest, char fingerprint[MANIFEST_FINGERPRINT_SIZE],
                                 struct error *error);

/* What became of a dataset between two fingerprints of it. Where class names were not kept, other shards may hold other
 * people. An empty fingerprint is one that is not known, and tells of no change. */
enum manifest_change { MANIFEST_SAME, MANIFEST_OTHER_IMAGES, MANIFEST_OTHER_PEOPLE };
enum manifest_change manifest_compare(const char *before, const char *now);

#endif
