/* The way back: a dataset as a folder of images for each identity, a verification set as images and a list.
 * What shard/pack/pack.h makes of the result is the same dataset (its images in another order) or set.
 */
#ifndef DAIL_SHARD_UNPACK_H
#define DAIL_SHARD_UNPACK_H

#include "proto/error.h"

#include <stdint.h>

struct unpack_style {
    int threads; /* that write files; 0: as many as OpenMP offers */
    void (*progress)(void *context, uint64_t done, uint64_t total); /* images; may be NULL */
    void *context;
};

struct unpack_result {
    uint64_t images, bytes; /* written */
    uint32_t classes; /* that have images */
    uint32_t pairs; /* of a verification set */
};

/* `path` is a manifest or a shard: writes <directory>/<identity>/<nnnn>.jpg or .png, each image byte for
 * byte, numbered from 1 in the order of the shards. Identities are named as the manifest's file of class
 * names has it; those of a shard by itself, or without such a file, are their labels. Or `path` is a
 * verification set: writes <directory>/<nnnnnn>.jpg or .png and pairs.tsv: fold, image, image, same.
 *
 * The directory is made, and must be empty: STATUS_USAGE. STATUS_DATA where the data are damaged, or a name
 * cannot be a folder's; STATUS_STORAGE. After an error what was written stays. */
enum status unpack(const char *path, const char *directory, const struct unpack_style *style,
                   struct unpack_result *result, struct error *error);

#endif
