/* An image as the network is to see it: shifted and mirrored by draws, its pixels scaled. */
#ifndef DAIL_WORKER_LOADER_AUGMENT_H
#define DAIL_WORKER_LOADER_AUGMENT_H

#include <stdbool.h>
#include <stdint.h>

/* How an image is shifted and mirrored. */
struct augment {
    bool flip; /* with probability a half */
    int shift; /* up to so many pixels, each way */
    uint64_t seed;
};

/* pixels u8 [side][side][3] -> values f32 [side][side][3], (x - 127.5) / 127.5, moved and mirrored as drawn
 * for (epoch, id); what a shift uncovers repeats the edge. `table` is from augment_table. */
void augment_image(const struct augment *augment, int64_t epoch, uint64_t id, int side, const uint8_t *pixels,
                   const float table[256], float *values);
void augment_table(float table[256]);

#endif
