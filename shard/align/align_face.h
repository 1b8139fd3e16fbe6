/* An image whose face is known, brought to the square that networks are trained on. */
#ifndef DAIL_SHARD_ALIGN_ALIGN_FACE_H
#define DAIL_SHARD_ALIGN_ALIGN_FACE_H

#include "shard/align/face_table.h"

#define ALIGN_BOX_MARGIN 0.3 /* VGGFace2's, where nobody says another */

/* Decodes an image and lays its face on side x side pixels: by its five points on InsightFace's template, else the square
 * about its box, whose side is the box's longer one and `margin` times that more. Beyond the picture it is
 * black. STATUS_DATA where the image cannot be read, or the face lies outside it. */
enum status align_face(const uint8_t *bytes, size_t size, const struct face *face, int side, double margin,
                       struct image *aligned, struct error *error);

#endif
