/* Square images made smaller, larger or smooth by separable filters. Weights are whole numbers and both passes round to 8
 * bits, so that all instruction sets give the same bits.
 *
 * Pixel centres are at half integers; what a filter would take from beyond the border is the pixel there repeated, but
 * for the blur, which mirrors the image about its outermost pixels.
 */
#ifndef DAIL_WORKER_AUGMENT_RESAMPLE_H
#define DAIL_WORKER_AUGMENT_RESAMPLE_H

#include "worker/augment/pixel_kernels.h"

/* The first five do not smooth before they make smaller, as OpenCV's do not, but for the area; the triangle does. */
enum resample_filter {
    RESAMPLE_NEAREST, /* the pixel whose centre lies next before */
    RESAMPLE_LINEAR, /* two pixels */
    RESAMPLE_AREA, /* the mean over the area that the new pixel covers */
    RESAMPLE_CUBIC, /* four pixels, a = -0.75 */
    RESAMPLE_LANCZOS, /* eight pixels */
    RESAMPLE_TRIANGLE /* linear where it makes larger; as wide as the new pixels where it makes smaller */
};
#define RESAMPLE_DRAWN 5 /* the filters that may be drawn: the first five */

/* The largest factor that an image is made smaller by. */
#define RESAMPLE_SHRINK_MAX 20
#define RESAMPLE_TAPS_MAX (2 * RESAMPLE_SHRINK_MAX + 2)
#define RESAMPLE_SIDE_MAX 1024

/* For each new row, which rows of the image it is mixed from, and how: place[i][tap], weight[i][tap], tap < taps. */
struct resample_weights {
    int taps;
    uint16_t place[RESAMPLE_SIDE_MAX][RESAMPLE_TAPS_MAX];
    int16_t weight[RESAMPLE_SIDE_MAX][RESAMPLE_TAPS_MAX];
};

/* From `from` to `to` pixels; from <= RESAMPLE_SHRINK_MAX * to. */
void resample_scale(enum resample_filter filter, int from, int to, struct resample_weights *weights);

/* A Gaussian of `window` pixels, 3 or 5, with the deviation that OpenCV and DALI take for such a window:
 * 0.3 ((window - 1) / 2 - 1) + 0.8. side >= 3. */
void resample_blur(int window, int side, struct resample_weights *weights);

/* Filters image [from][from][3] to [to][to][3] in place, rows and columns alike. It and `room`, which is overwritten, have
 * room for the larger of the two. */
void resample_apply(const struct pixel_kernels *kernels, const struct resample_weights *weights, int from,
                    int to, uint8_t *image, uint8_t *room);

#endif
