/* What the readers of tables share. Private to shard/align. */
#ifndef DAIL_SHARD_ALIGN_FACE_TABLE_PRIVATE_H
#define DAIL_SHARD_ALIGN_FACE_TABLE_PRIVATE_H

#include "shard/align/face_table.h"

/* The ending of an image's name, at its end where it has none of images. */
const char *face_name_ending(const char *name);
/* Where the last `parts` parts of a path begin. */
const char *face_name_parts(const char *path, int parts);

/* Adds the face of an image; a face of neither points nor a box is counted as none. STATUS_DATA for figures that no face
 * can have; the error's where is left to the caller. */
enum status face_table_add(struct face_table *table, const char *image, const struct face *face,
                           struct error *error);

/* Both read `text`, which ends in a zero byte, and may write to it. An error's where tells the line. */
enum status face_text_read(struct face_table *table, char *text, struct error *error);
enum status face_json_read(struct face_table *table, const char *text, size_t size, struct error *error);

#endif
