/* What is to be done to one image, drawn from (seed, epoch, sample) alone: on any number of workers and after a restart
 * the same. Each kind of change has draws of its own: switching one on or off leaves the others as they were.
 */
#ifndef DAIL_WORKER_AUGMENT_ALTERATION_H
#define DAIL_WORKER_AUGMENT_ALTERATION_H

#include "proto/config/config_augment.h"
#include "worker/augment/alter.h"

#include <stdbool.h>

enum light { LIGHT_BRIGHTNESS, LIGHT_CONTRAST, LIGHT_SATURATION, LIGHT_KINDS };

struct alteration {
    bool mask, crop, resolution, blur, light, hue, grey, jpeg,
        erase; /* in the order in which they are done */
    struct alter_mask mask_shape;
    struct alter_box kept, erased;
    int small; /* pixels of the side */
    enum resample_filter down, up;
    int window;
    enum light order[LIGHT_KINDS];
    double factor[LIGHT_KINDS]; /* by kind */
    double degrees, saturation;
    int quality;
    struct random noise; /* what the erased box is filled from */
    bool flip; /* then mirrored, and moved: */
    int across, down_by; /* pixels */
};

/* side >= 16 */
void alteration_draw(const struct config_augment *augment, uint64_t seed, int64_t epoch, uint64_t id,
                     int side, struct alteration *alteration);

#endif
