/* See pixel_kernels.h. Plain loops, which the compiler makes vectors of. */
#include "worker/augment/pixel_kernels.h"

#include <math.h>
#include <string.h>

#define HALF 127.5F

/* A vector's division takes several times as long as a product and its correction, which for all 256 samples comes to the
 * same. */
static void scale(size_t count, const uint8_t *restrict samples, float *restrict values)
{
    for (size_t i = 0; i < count; i++) {
        const float above = (float)samples[i] - HALF;
#ifdef __FMA__
        const float near = above * (1 / HALF);
        values[i] = fmaf(fmaf(-near, HALF, above), 1 / HALF, near);
#else
        values[i] = above / HALF;
#endif
    }
}

/* A pixel's three bytes, and where there is one the next, which is overwritten. */
static void mirror(size_t count, const uint8_t *restrict row, uint8_t *restrict mirrored)
{
    const uint8_t *last = row + 3 * (count - 1);
    memcpy(mirrored, last, 3);
    for (size_t x = 1; x + 1 < count; x++) {
        memcpy(mirrored + 3 * x, last - 3 * x, 4);
    }
    memcpy(mirrored + 3 * (count - 1), row, 3);
}

const struct pixel_kernels ISA_TABLE(pixel_kernels) = {.scale = scale, .mirror = mirror};
