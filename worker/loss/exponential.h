/* e^x for the tiles of the softmax, in a form that compilers turn into vector code: the argument is cut at
 * multiples of ln 2, and a polynomial (Moshier's Cephes library, expf) does the rest. Relative error below
 * 2e-7 for x in [-87, 88]; 0 below -87; what is not a number stays so.
 */
#ifndef DAIL_WORKER_LOSS_EXPONENTIAL_H
#define DAIL_WORKER_LOSS_EXPONENTIAL_H

#include <stdint.h>
#include <string.h>

static inline float exponential(float x)
{
    const float lowest = -87.0f;
    const float round = 12582912.0f; /* 1.5 * 2^23: adding it rounds to an integer in the low bits */
    const uint32_t round_bits = 0x4B400000u;
    float inside = x < lowest ? lowest : x;
    float shifted = inside * 1.44269504f + round;
    float whole = shifted - round;
    float rest = inside - whole * 0.693359375f + whole * 2.12194440e-4f;
    float series = 1.9875691500e-4f;
    series = series * rest + 1.3981999507e-3f;
    series = series * rest + 8.3334519073e-3f;
    series = series * rest + 4.1665795894e-2f;
    series = series * rest + 1.6666665459e-1f;
    series = series * rest + 5.0000001201e-1f;
    series = series * rest * rest + rest + 1.0f;
    uint32_t bits;
    memcpy(&bits, &shifted, sizeof bits);
    bits = (bits - round_bits + 127u) << 23;
    float power;
    memcpy(&power, &bits, sizeof power);
    float value = series * power;
    return x < lowest ? 0.0f : value;
}

#endif
