#include "worker/loader/augment.h"

#include "proto/random.h"

#include <stddef.h>

void augment_table(float table[256])
{
    for (int i = 0; i < 256; i++) {
        table[i] = ((float)i - 127.5f) / 127.5f;
    }
}

static int clamp_to_side(int position, int side)
{
    if (position < 0) {
        return 0;
    }
    return position < side ? position : side - 1;
}

void augment_image(const struct augment *augment, int64_t epoch, uint64_t id, int side, const uint8_t *pixels,
                   const float table[256], float *values)
{
    struct random random = random_stream(augment->seed, RANDOM_AUGMENT, (uint64_t)epoch, id);
    /* All draws are made whatever is switched on: switching one off leaves the other as it was. */
    bool flip = random_uniform(&random) < 0.5f && augment->flip;
    uint32_t span = 2 * (uint32_t)augment->shift + 1;
    int across = (int)random_below(&random, span) - augment->shift;
    int down = (int)random_below(&random, span) - augment->shift;
    for (int y = 0; y < side; y++) {
        const uint8_t *row = pixels + (size_t)clamp_to_side(y + down, side) * (size_t)side * 3;
        for (int x = 0; x < side; x++) {
            int source = clamp_to_side(x + across, side);
            const uint8_t *pixel = row + (flip ? side - 1 - source : source) * 3;
            *values++ = table[pixel[0]];
            *values++ = table[pixel[1]];
            *values++ = table[pixel[2]];
        }
    }
}
