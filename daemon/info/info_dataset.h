/* What a dataset's shards tell: how many images an identity has, how large they are, how they look, which are there
 * twice. */
#ifndef DAIL_DAEMON_INFO_INFO_DATASET_H
#define DAIL_DAEMON_INFO_INFO_DATASET_H

#include "shard/manifest.h"

#include <stdio.h>

/* Reads every shard's index, and the pixels of 500 images at most: shards are shuffled, so that the first ones are
 * drawn from all. A shard that cannot be read is told in the place of the figures, and is no error: the manifest is
 * described all the same. Brightness is the mean of luma (BT.601), 0 to 255; grey are images all of whose pixels have
 * red, green and blue within 8 of each other. */
enum status info_print_statistics(const struct manifest *manifest, FILE *output, struct error *error);

#endif
