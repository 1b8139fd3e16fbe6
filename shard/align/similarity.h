/* The similarity transform that lays a face's five points on InsightFace's template, and the warp by it.
 *
 * For points p_i and template points q_i, with means p, q (Umeyama 1991, equations 34 to 42),
 *   min over c, R, t of  sum |q_i - (c R p_i + t)|^2,  R a rotation:
 *   S = 1/n sum (q_i - q)(p_i - p)^T = U D V^T;  R = U E V^T with E = diag(1, det(U) det(V));
 *   c = tr(D E) / (1/n sum |p_i - p|^2);  t = q - c R p.
 * In the plane c R = [a -b; b a], and the minimum is, with x = p_i - p and u = q_i - q,
 *   a = sum (x_1 u_1 + x_2 u_2) / sum |x|^2,  b = sum (x_1 u_2 - x_2 u_1) / sum |x|^2.
 * Centres of pixels are whole numbers here, (0, 0) the first one, as in OpenCV.
 */
#ifndef DAIL_SHARD_ALIGN_SIMILARITY_H
#define DAIL_SHARD_ALIGN_SIMILARITY_H

#include "shard/image/image.h"

#include <stdbool.h>

/* The viewer's left eye, the right eye, the nose's tip, the left and the right corner of the mouth. */
#define FACE_POINTS 5

/* (x, y) -> (a x - b y + x0, b x + a y + y0). */
struct similarity {
    double a, b, x, y;
};

/* InsightFace's template for an image of side x side, as its norm_crop lays it: for 112 pixels and its multiples
 * 38.2946 51.6963, 73.5318 51.5014, 56.0252 71.7366, 41.5493 92.3655, 70.7299 92.2041, times side / 112; for 128 and its
 * multiples the same moved by 8 to the right, times side / 128; for any other side as for 112. */
void similarity_template(int side, double points[FACE_POINTS][2]);

/* False where the points determine none: all are one, or they are not finite. */
bool similarity_fit(const double from[FACE_POINTS][2], const double to[FACE_POINTS][2],
                    struct similarity *similarity);

/* The image of side x side whose pixel (x, y) is what `image` has where the similarity takes to (x, y): between four pixels
 * bilinearly, beyond the border 0. STATUS_INTERNAL without memory. */
enum status similarity_warp(const struct image *image, const struct similarity *similarity, int side,
                            struct image *warped, struct error *error);

#endif
