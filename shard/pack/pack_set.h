/* Writing a verification set: images by number, then pairs of them. Private to shard/. */
#ifndef DAIL_SHARD_PACK_PACK_SET_H
#define DAIL_SHARD_PACK_PACK_SET_H

#include "shard/pack/pack_image.h"

struct pack_set;

/* What can be told before the source is looked at: STATUS_USAGE. */
enum status pack_set_check(const struct pack_pairs *wanted, const struct pack_style *style,
                           struct error *error);

/* Packs images 0..images-1 of the source, each stored once. At most `pairs` will be added. STATUS_USAGE where another
 * process packs a set of that name there (shard/dataset/packing_folder.h). */
enum status pack_set_create(const struct pack_pairs *wanted, const struct pack_style *style,
                            const struct pack_images_source *source, uint32_t images, size_t pairs,
                            struct pack_set **set, struct error *error);

/* A pair of images of the source; left out, and counted, where one of them is bad. */
void pack_set_pair(struct pack_set *set, const uint32_t image[2], bool same, uint8_t fold);

/* Writes the file. Frees the set in any case. */
enum status pack_set_finish(struct pack_set *set, struct pack_result *result, struct error *error);

#endif
