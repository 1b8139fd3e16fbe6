#include "worker/augment/augment.h"

#include "proto/random.h"

#include <string.h>

static int clamp_to_side(int position, int side)
{
    if (position < 0) {
        return 0;
    }
    return position < side ? position : side - 1;
}

/* padded[3 (AUGMENT_SHIFT_MAX + side + AUGMENT_SHIFT_MAX)]: the row, mirrored or not, its first and last pixel repeated
 * `shift` times. Returns where the row begins. */
static const uint8_t *pad_row(const struct augment *augment, bool flip, int shift, int side,
                              const uint8_t *row, uint8_t *padded)
{
    uint8_t *begin = padded + (size_t)AUGMENT_SHIFT_MAX * 3, *end = begin + (size_t)side * 3;
    if (flip) {
        augment->kernels->mirror((size_t)side, row, begin);
    } else {
        memcpy(begin, row, (size_t)side * 3);
    }
    for (int i = 0; i < shift; i++) {
        memcpy(begin - (i + 1) * 3, begin, 3);
        memcpy(end + (size_t)i * 3, end - 3, 3);
    }
    return begin;
}

void augment_image(const struct augment *augment, int64_t epoch, uint64_t id, int side, const uint8_t *pixels,
                   float *values)
{
    struct random random = random_stream(augment->seed, RANDOM_AUGMENT, (uint64_t)epoch, id);
    /* All draws are made whatever is switched on: switching one off leaves the other as it was. */
    bool flip = random_uniform(&random) < 0.5f && augment->flip;
    uint32_t span = 2 * (uint32_t)augment->shift + 1;
    int across = (int)random_below(&random, span) - augment->shift;
    int down = (int)random_below(&random, span) - augment->shift;
    const size_t stride = (size_t)side * 3;
    uint8_t padded[(AUGMENT_SIDE_MAX + 2 * AUGMENT_SHIFT_MAX) * 3];
    for (int y = 0; y < side; y++) {
        const uint8_t *row = pixels + (size_t)clamp_to_side(y + down, side) * stride;
        if (flip || across != 0) {
            row = pad_row(augment, flip, across < 0 ? -across : across, side, row, padded) + across * 3;
        }
        augment->kernels->scale(stride, row, values + (size_t)y * stride);
    }
}
