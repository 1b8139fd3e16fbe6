/* The centres of classes: the mean of each class's embeddings, each made as long as 1. */
#ifndef DAIL_WORKER_EVALUATE_CLASS_CENTRES_H
#define DAIL_WORKER_EVALUATE_CLASS_CENTRES_H

#include <stddef.h>
#include <stdint.h>

/* Adds an embedding values[width], made as long as 1, to its class's sum [width] and count. One of length 0 counts and
 * adds nothing. */
void class_centre_add(const float *values, size_t width, float *sum, uint32_t *count);

/* From sums [classes][width] to means; a class without images stays 0. */
void class_centre_finish(float *sums, const uint32_t *counts, uint32_t classes, size_t width);

#endif
