#include "shard/align/align_face.h"

/* A box is decoded at so many times the side at least, as far as the picture has it: enough for the filter. */
#define KEPT_FOR_RESIZING 2
#define REDUCE_MOST 8

static enum status check_centre(const struct image *image, double x, double y, struct error *error)
{
    if (x >= 0 && y >= 0 && x < image->width && y < image->height) {
        return STATUS_OK;
    }
    return error_set(error, STATUS_DATA, NULL, "see whether the table is of these very files",
                     "the table has the face at (%.0f, %.0f), which is outside the picture of %d x %d", x, y,
                     image->width, image->height);
}

static enum status warp(const struct image *image, const struct face *face, int side, struct image *aligned,
                        struct error *error)
{
    double from[FACE_POINTS][2], to[FACE_POINTS][2], centre[2] = {0};
    struct similarity similarity;
    for (int i = 0; i < FACE_POINTS; i++) {
        for (int axis = 0; axis < 2; axis++) {
            from[i][axis] = (double)face->point[i][axis];
            centre[axis] += from[i][axis] / FACE_POINTS;
        }
    }
    enum status status = check_centre(image, centre[0], centre[1], error);
    if (status != STATUS_OK) {
        return status;
    }
    similarity_template(side, to);
    if (!similarity_fit(from, to, &similarity)) {
        return error_set(error, STATUS_DATA, NULL, "correct the table, or leave the image out of it",
                         "the five points of its face lie in one place");
    }
    return similarity_warp(image, &similarity, side, aligned, error);
}

static enum status crop(const struct image *image, const float *box, double length, int side,
                        struct image *aligned, struct error *error)
{
    const double scale = image->reduced > 1 ? image->reduced : 1;
    const double x = ((double)box[0] + (double)box[2] / 2) / scale;
    const double y = ((double)box[1] + (double)box[3] / 2) / scale;
    const double part = length / scale;
    enum status status = check_centre(image, x, y, error);
    return status != STATUS_OK
               ? status
               : image_resize_part(image, (struct image_part){x - part / 2, y - part / 2, part, part}, side,
                                   aligned, error);
}

enum status align_face(const uint8_t *bytes, size_t size, const struct face *face, int side, double margin,
                       struct image *aligned, struct error *error)
{
    struct image image = {0};
    const double longer = (double)(face->box[2] > face->box[3] ? face->box[2] : face->box[3]);
    const double length = longer * (1 + margin);
    double reduce = face->has_points ? 1 : length / (side * KEPT_FOR_RESIZING);
    reduce = reduce > REDUCE_MOST ? REDUCE_MOST : reduce;
    *aligned = (struct image){0};
    enum status status = image_decode_reduced(bytes, size, (int)reduce, 1, &image, error);
    if (status == STATUS_OK) {
        status = face->has_points ? warp(&image, face, side, aligned, error)
                                  : crop(&image, face->box, length, side, aligned, error);
    }
    image_free(&image);
    return status;
}
