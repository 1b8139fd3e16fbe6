/* An InsightFace set of images in RecordIO: where every image lies, and its label. Private to shard/.
 *
 * `train.rec` may begin with a header record, whose labels are 1 more than the number of images, and that
 * plus the number of identities; then come the images, and a record for each identity. The header and the
 * identity records have no image. im2rec writes the images alone. `train.idx`, beside it, has the places of all
 * records, or of a part of them, which then are those that are taken; `property` the number of classes and the images' size:
 * "93431,112,112". Only train.rec is needed.
 */
#ifndef DAIL_SHARD_PACK_RECORD_SET_H
#define DAIL_SHARD_PACK_RECORD_SET_H

#include "shard/archive/stored_images.h"
#include "shard/pack/pack.h"

/* Adds the images of `path`, a .rec or a folder that has train.rec or one other: looks at all of its records, and keeps 16
 * bytes an image in memory, whatever their size. STATUS_DATA where something contradicts something else, such as
 * the index or the property file. `first` is added to its labels. Of the style it is whether damage and records without an
 * image are left out, and who is told. */
enum status record_set_add(struct stored_images *set, const char *path, uint32_t first,
                           const struct pack_style *style, struct error *error);

/* Fills an empty set with those that `patterns`[count] name: each a folder, a .rec, or several by a pattern
 * (shard/archive/file_pattern.h). STATUS_USAGE where there are several and `labels` does not tell how theirs go together, or
 * where it does and there is one. */
enum status record_set_fill(struct stored_images *set, const char *const *patterns, size_t count,
                            enum pack_labels labels, const struct pack_style *style, struct error *error);

#endif
