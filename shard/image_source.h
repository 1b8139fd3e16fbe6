/* Images from wherever they lie, one after the other as pixels: a folder of image folders, a dataset by its
 * manifest, some of a dataset's shards, a verification set, or image files by themselves.
 *
 * The order is the source's own: a folder's identities and images by name, a shard's images as stored, files as they
 * were named. Each image has a name that finds it again: its path within the folder of folders, its path as it was
 * named, or "<file>:<number>", numbers from 0.
 */
#ifndef DAIL_SHARD_IMAGE_SOURCE_H
#define DAIL_SHARD_IMAGE_SOURCE_H

#include "proto/error.h"
#include "shard/align/face_table.h"
#include "shard/pairs.h"

#include <stdint.h>

struct image_source;

/* One image as it is read. */
struct sourced_image {
    char name[512];
    uint32_t label; /* 0 where images have none */
    uint8_t *pixels; /* [side][side][3], the caller's */
    enum status status; /* STATUS_DATA: the image is bad; the others are not touched by it */
    struct error error;
};

/* `paths`: one folder, manifest or verification set, any number of shards of one dataset or of image files; a flat
 * folder of images; a list of image files that ends in .txt or .list, or "-" for one on standard input. Opens and
 * checks every index, reads no image but its first bytes. STATUS_DATA, or STATUS_USAGE for paths that do not go together. */
enum status image_source_open(const char *const *paths, size_t count, struct image_source **source,
                              struct error *error);
/* Images are laid on InsightFace's template by a table, which is the caller's and stays as long as the source; of one that it
 * does not name the status is STATUS_DATA. STATUS_USAGE where images are no files: those were aligned when packed. */
enum status image_source_align(struct image_source *source, const struct face_table *faces,
                               struct error *error);
/* NULL is left alone. */
void image_source_close(struct image_source *source);

uint64_t image_source_images(const struct image_source *source);
/* Side in pixels where the source tells: a manifest or a verification set; else 0. */
int image_source_side(const struct image_source *source);
/* Labels are below this; 0 where images have none, in a verification set and of files by themselves. */
uint32_t image_source_classes(const struct image_source *source);
/* The identity of a label; NULL where the source names none, as shards without their manifest. */
const char *image_source_identity(const struct image_source *source, uint32_t label);
/* How many files of a flat folder are no images; *first: the name of one. */
size_t image_source_left_out(const struct image_source *source, const char **first);
/* The verification set; NULL where the source is another. */
const struct pairs *image_source_pairs(const struct image_source *source);

/* Reads the next images, at most `most`, and tells how many in *count: 0 at the end. Decoded by `threads`
 * threads. Images that are files are resized to `side`, of those that are not square the middle; others must have it.
 * The status is of what is no image's
 * own fault. */
enum status image_source_next(struct image_source *source, int side, int threads, size_t most,
                              struct sourced_image *images, size_t *count, struct error *error);

#endif
