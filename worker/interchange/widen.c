#include "worker/interchange/widen.h"

#include <endian.h>
#include <math.h>
#include <string.h>

size_t widen_bytes(enum widen_type type)
{
    return type == WIDEN_FLOAT32 ? 4 : 2;
}

static float of_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static float of_half(uint16_t half)
{
    uint32_t sign = (uint32_t)(half >> 15) << 31, exponent = (half >> 10) & 31, fraction = half & 1023;
    if (exponent == 0) {
        float value = ldexpf((float)fraction, -24);
        return sign ? -value : value;
    }
    uint32_t wide = exponent == 31 ? 255 : exponent + 112;
    return of_bits(sign | wide << 23 | fraction << 13);
}

void widen(enum widen_type type, const uint8_t *bytes, float *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t whole = 0;
        uint16_t half = 0;
        if (type == WIDEN_FLOAT32) {
            memcpy(&whole, bytes + i * sizeof whole, sizeof whole);
            values[i] = of_bits(le32toh(whole));
            continue;
        }
        memcpy(&half, bytes + i * sizeof half, sizeof half);
        half = le16toh(half);
        values[i] = type == WIDEN_BFLOAT16 ? of_bits((uint32_t)half << 16) : of_half(half);
    }
}
