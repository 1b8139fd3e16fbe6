/* The inner loops over pixels. One source (pixel_kernels.isa.c) is compiled once per instruction set; each build exports
 * one table, and all give the same bits.
 */
#ifndef DAIL_WORKER_AUGMENT_PIXEL_KERNELS_H
#define DAIL_WORKER_AUGMENT_PIXEL_KERNELS_H

#include "worker/nn/conv/isa.h"

#include <stddef.h>
#include <stdint.h>

/* Weights are whole numbers: 1 is 2^PIXEL_WEIGHT_BITS. */
#define PIXEL_WEIGHT_BITS 14
#define PIXEL_WEIGHT_ONE (1 << PIXEL_WEIGHT_BITS)
/* Samples of a row at most. */
#define PIXEL_ROW_MAX ((size_t)1024 * 3)

/* What a pixel's colours become: row c weighs red, green and blue of the new colour c, and adds its last number, all in
 * units of 1 / PIXEL_WEIGHT_ONE. */
struct pixel_colour {
    int32_t weight[3][4];
};

struct pixel_kernels {
    /* values[i] = (samples[i] - 127.5) / 127.5, rounded as a division is. */
    void (*scale)(size_t count, const uint8_t *samples, float *values);
    /* mirrored[x] = row[count - 1 - x], of pixels of three samples. */
    void (*mirror)(size_t count, const uint8_t *row, uint8_t *mirrored);
    /* mixed[i] = the sum of rows[t][i] times weight[t], rounded to the nearest and kept within 0 to 255; of at most
     * PIXEL_ROW_MAX samples. The weights sum to about one, or their products to less than 2^31. */
    void (*mix)(size_t count, int taps, const uint8_t *const *rows, const int16_t *weight, uint8_t *mixed);
    /* Gives `count` pixels new colours in place, rounded and kept within 0 to 255. */
    void (*colour)(size_t count, const struct pixel_colour *colour, uint8_t *pixels);
    /* The sums of red, green and blue over at most 2^20 pixels. */
    void (*sum)(size_t count, const uint8_t *pixels, uint64_t sums[3]);
};

/* The table of an instruction set that isa_detect found. */
const struct pixel_kernels *pixel_kernels_of(enum isa isa);

#endif
