/* The inner loops over pixels. One source (pixel_kernels.isa.c) is compiled once per instruction set; each build exports
 * one table, and all give the same bits.
 */
#ifndef DAIL_WORKER_AUGMENT_PIXEL_KERNELS_H
#define DAIL_WORKER_AUGMENT_PIXEL_KERNELS_H

#include "worker/nn/conv/isa.h"

#include <stddef.h>
#include <stdint.h>

struct pixel_kernels {
    /* values[i] = (samples[i] - 127.5) / 127.5, rounded as a division is. */
    void (*scale)(size_t count, const uint8_t *samples, float *values);
    /* mirrored[x] = row[count - 1 - x], of pixels of three samples. */
    void (*mirror)(size_t count, const uint8_t *row, uint8_t *mirrored);
};

/* The table of an instruction set that isa_detect found. */
const struct pixel_kernels *pixel_kernels_of(enum isa isa);

#endif
