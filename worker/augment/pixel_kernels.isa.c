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

static uint8_t round_to_byte(int32_t sum)
{
    const int32_t value = (sum + PIXEL_WEIGHT_ONE / 2) >> PIXEL_WEIGHT_BITS;
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

static void mix(size_t count, int taps, const uint8_t *const *rows, const int16_t *weight, uint8_t *mixed)
{
    int32_t sums[PIXEL_ROW_MAX];
    const int32_t first = weight[0];
    const uint8_t *row = rows[0];
    for (size_t i = 0; i < count; i++) {
        sums[i] = first * row[i];
    }
    int t = 1;
    for (; t + 2 <= taps; t += 2) {
        const int32_t u = weight[t], v = weight[t + 1];
        const uint8_t *a = rows[t], *b = rows[t + 1];
        for (size_t i = 0; i < count; i++) {
            sums[i] += u * a[i] + v * b[i];
        }
    }
    for (; t < taps; t++) {
        const int32_t u = weight[t];
        const uint8_t *a = rows[t];
        for (size_t i = 0; i < count; i++) {
            sums[i] += u * a[i];
        }
    }
    for (size_t i = 0; i < count; i++) {
        mixed[i] = round_to_byte(sums[i]);
    }
}

/* Samples of pixels that are worked on at once. Red, green and blue alternate, so each sample is a sum over itself and two
 * on either side, with weights that repeat after three samples. */
#define BLOCK 48
#define REACH 2

static void colour(size_t count, const struct pixel_colour *how, uint8_t *pixels)
{
    int32_t weight[2 * REACH + 1][BLOCK] = {{0}}, offset[BLOCK];
    uint8_t samples[REACH + BLOCK + REACH] = {0}, coloured[BLOCK];
    for (int i = 0; i < BLOCK; i++) {
        const int c = i % 3;
        for (int from = 0; from < 3; from++) {
            weight[from - c + REACH][i] = how->weight[c][from];
        }
        offset[i] = how->weight[c][3];
    }
    for (size_t left = 3 * count; left > 0;) {
        const size_t length = left < BLOCK ? left : BLOCK;
        memcpy(samples + REACH, pixels, length);
        for (int i = 0; i < BLOCK; i++) {
            int32_t sum = offset[i];
            for (int d = 0; d < 2 * REACH + 1; d++) {
                sum += weight[d][i] * samples[i + d];
            }
            coloured[i] = round_to_byte(sum);
        }
        memcpy(pixels, coloured, length);
        pixels += length;
        left -= length;
    }
}

static void sum(size_t count, const uint8_t *pixels, uint64_t sums[3])
{
    uint32_t lanes[BLOCK] = {0};
    size_t at = 0;
    for (; at + BLOCK <= 3 * count; at += BLOCK) {
        for (int i = 0; i < BLOCK; i++) {
            lanes[i] += pixels[at + (size_t)i];
        }
    }
    for (size_t i = 0; at + i < 3 * count; i++) {
        lanes[i] += pixels[at + i];
    }
    sums[0] = sums[1] = sums[2] = 0;
    for (int i = 0; i < BLOCK; i++) {
        sums[i % 3] += lanes[i];
    }
}

const struct pixel_kernels ISA_TABLE(pixel_kernels) = {
    .scale = scale, .mirror = mirror, .mix = mix, .colour = colour, .sum = sum};
