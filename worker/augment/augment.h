/* An image as the network is to see it: shifted and mirrored by draws, its pixels scaled. */
#ifndef DAIL_WORKER_AUGMENT_AUGMENT_H
#define DAIL_WORKER_AUGMENT_AUGMENT_H

#include "worker/augment/pixel_kernels.h"

#include <stdbool.h>
#include <stdint.h>

#define AUGMENT_SIDE_MAX 1024
#define AUGMENT_SHIFT_MAX 64

/* How an image is shifted and mirrored. */
struct augment {
    bool flip; /* with probability a half */
    int shift; /* up to so many pixels, each way */
    uint64_t seed;
    const struct pixel_kernels *kernels;
};

/* pixels u8 [side][side][3] -> values f32 [side][side][3], (x - 127.5) / 127.5, moved and mirrored as drawn
 * for (epoch, id); what a shift uncovers repeats the edge. */
void augment_image(const struct augment *augment, int64_t epoch, uint64_t id, int side, const uint8_t *pixels,
                   float *values);

#endif
