/* An image as the network is to see it: altered, mirrored and moved as drawn, its pixels scaled. */
#ifndef DAIL_WORKER_AUGMENT_AUGMENT_H
#define DAIL_WORKER_AUGMENT_AUGMENT_H

#include "worker/augment/alteration.h"

#define AUGMENT_SIDE_MAX RESAMPLE_SIDE_MAX
#define AUGMENT_SHIFT_MAX 64

struct augmenter;

/* For images of `side` pixels, 16 to AUGMENT_SIDE_MAX; the draws depend on the seed. STATUS_INTERNAL without memory. */
enum status augmenter_create(const struct pixel_kernels *kernels, int side, uint64_t seed,
                             struct augmenter **augmenter, struct error *error);
/* NULL is left alone. */
void augmenter_free(struct augmenter *augmenter);

/* pixels u8 [side][side][3], which are overwritten -> values f32 [side][side][3], (x - 127.5) / 127.5, altered, moved and
 * mirrored as drawn for (epoch, id); what a shift uncovers repeats the edge. STATUS_INTERNAL without memory. */
enum status augment_image(struct augmenter *augmenter, const struct config_augment *augment, int64_t epoch,
                          uint64_t id, uint8_t *pixels, float *values, struct error *error);

#endif
