/* Floats as files have them, little-endian, made into float. Exact for all of these.
 */
#ifndef DAIL_WORKER_INTERCHANGE_WIDEN_H
#define DAIL_WORKER_INTERCHANGE_WIDEN_H

#include <stddef.h>
#include <stdint.h>

enum widen_type {
    WIDEN_FLOAT32,
    WIDEN_FLOAT16, /* IEEE 754 binary16 */
    WIDEN_BFLOAT16
};

size_t widen_bytes(enum widen_type type); /* of one element */

/* bytes[count * widen_bytes(type)] -> values[count]. */
void widen(enum widen_type type, const uint8_t *bytes, float *values, size_t count);

#endif
