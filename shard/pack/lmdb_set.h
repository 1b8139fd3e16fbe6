/* LMDB databases of images with a label each, in the layouts that are about. Private to shard/.
 *
 * Either each value has both: a pickle or a msgpack of (image, label), as folder2lmdb writes them under any keys, or Caffe's
 * Datum; or `image-%09d` is an image and `label-%09d` its label. Keys that tell of the whole (`__keys__`, `__len__`,
 * `num-samples`) are passed over. Labels are numbers or names, as in tar_set.h.
 */
#ifndef DAIL_SHARD_PACK_LMDB_SET_H
#define DAIL_SHARD_PACK_LMDB_SET_H

#include "shard/archive/stored_images.h"
#include "shard/pack/pack.h"

/* Fills an empty set with the images of `path`, a folder that has data.mdb or the file itself, in the order in which they lie
 * there. Of the style it is whether what has no label or is none is left out, and who is told. STATUS_DATA. */
enum status lmdb_set_fill(struct stored_images *set, const char *path, const struct pack_style *style,
                          struct error *error);

#endif
