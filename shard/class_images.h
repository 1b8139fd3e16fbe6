/* A few pictures of chosen classes of a dataset, for people to look at.
 */
#ifndef DAIL_SHARD_CLASS_IMAGES_H
#define DAIL_SHARD_CLASS_IMAGES_H

#include "shard/manifest.h"

#include <stdbool.h>

struct class_images {
    uint32_t class;
    int wanted; /* so many pictures at most */
    uint8_t *pixels; /* [wanted][side][side][3], the caller's */
    int found;
};

/* Goes through the shards until every chosen class (one may be chosen twice) has what is wanted of it, and
 * decodes its first pictures at `side` x `side`; sets `found`, which is less where the dataset has fewer.
 * STATUS_DATA names the shard and image that is damaged. */
enum status class_images_read(const struct manifest *manifest, int side, struct class_images *chosen,
                              size_t count, struct error *error);

/* The shard and the number in it that a name means, "<shard's file>:<number>"; false where it means none. Whether the
 * shard has so many images is not looked at. */
bool class_images_find(const struct manifest *manifest, const char *name, uint32_t *index, uint32_t *number);

/* pixels [side][side][3]: the image that is called "<shard's file>:<number>", as image_source.h names it. STATUS_DATA
 * where the dataset has none of that name, or it is damaged. */
enum status class_images_named(const struct manifest *manifest, const char *name, int side, uint8_t *pixels,
                               struct error *error);

#endif
