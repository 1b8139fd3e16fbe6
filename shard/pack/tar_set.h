/* WebDataset shards: tar archives of samples, an image and its label each. Private to shard/.
 *
 * Files of an archive that follow each other and have one key, their path up to the first dot of the name, are a sample. The
 * image is `<key>.jpg` or of any other kind that is read (`.png`, `.webp`). Its label is a whole number in `<key>.cls`, or the
 * member of `<key>.json` that is called label, class, cls or identity, which may be a name; the set's first label tells
 * whether all are numbers or names. Hidden files are passed over.
 */
#ifndef DAIL_SHARD_PACK_TAR_SET_H
#define DAIL_SHARD_PACK_TAR_SET_H

#include "shard/archive/stored_images.h"
#include "shard/pack/pack.h"

/* Fills an empty set with the samples of the archives that `patterns`[count] name (shard/archive/file_pattern.h), which are
 * read from end to end. Of a compressed one the images are unpacked to `folder`, made if missing. `label_key` (NULL: those
 * above) is the one member of the .json, or the ending of the file, that has the label. With `named` each image's name is
 * kept. Of the style it is whether what is torn or has no label is left out, and who is told. STATUS_DATA names the archive,
 * the file in it and its byte. */
enum status tar_set_fill(struct stored_images *set, const char *const *patterns, size_t count,
                         const char *folder, const char *label_key, bool named,
                         const struct pack_style *style, struct error *error);

#endif
