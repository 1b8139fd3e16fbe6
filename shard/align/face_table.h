/* Tables of faces: where in each image the face is, by five points or a box.
 *
 * What table it is, its own words tell. Text of columns parted by commas, tabs, semicolons or blanks, under a header of
 * names, in any case: an image (image_id, NAME_ID, FILE, FILENAME, path, ...) and
 *   points    lefteye_x, lefteye_y, ... of CelebA and most detectors; P1X, P1Y, ... P5Y of VGGFace2; P1X ... P21Y of
 *             UMDFaces, of whose 21 points the 8th, 11th, 15th, 18th and 20th are taken
 *   a box     x_1, y_1, width, height of CelebA; X, Y, W, H of VGGFace2; FACE_X, FACE_Y, FACE_WIDTH, FACE_HEIGHT of UMDFaces
 *             and IJB; x1, y1, x2, y2 (or xmin ..., left ...) of detectors
 *   a score   score, confidence, ...; read by nobody, since the largest face of an image counts
 * CelebA's lists begin with a line of their length, and their header names no image. IJB's five points have no header:
 * an image, ten numbers, a score. JSON is {"image": FACES}, [{"file": "image", FACE}] or a FACE with its file a line; a face has
 * keypoints, landmarks or kps ({"left_eye": [x, y], ...} or five pairs), box [x, y, width, height], or bbox or facial_area
 * [x1, y1, x2, y2], as MTCNN and RetinaFace give them. A field that is empty or null is no face.
 *
 * Some detectors call the person's left the left, others the viewer's. Where the mouth is above the eyes' line, seen
 * from the left eye to the right, in more than half of the faces, left and right change places in all of the table.
 */
#ifndef DAIL_SHARD_ALIGN_FACE_TABLE_H
#define DAIL_SHARD_ALIGN_FACE_TABLE_H

#include "proto/error.h"
#include "shard/align/similarity.h"

#include <stdint.h>

struct face {
    float point[FACE_POINTS][2]; /* x, y in pixels of the upright picture */
    float box[4]; /* x, y, width, height; width 0: there is none */
    bool has_points;
};

struct face_row {
    char *name; /* the last two parts of the image's path, or its only one, without an ending of images */
    char *ending; /* within the memory of `name`: "" or such as ".jpg" */
    struct face face;
};

struct face_table {
    char *path;
    struct face_row *rows; /* [count], sorted by name, the largest face first */
    size_t count, capacity;
    size_t empty; /* rows without a face */
    size_t others; /* faces beside a larger one of the same image */
    size_t boxes; /* faces without points */
    bool mirrored; /* left and right changed places */
    uint32_t crc; /* of the file */
};

/* STATUS_DATA names the line, or what is no table. */
enum status face_table_open(const char *path, struct face_table *table, struct error *error);
void face_table_close(struct face_table *table);

/* The largest face of the image at `path`, of which the last two parts count (or, where the table has bare names, the
 * last), its ending only where two images have one name else. NULL where the table names it not. */
const struct face *face_table_find(const struct face_table *table, const char *path);

#endif
