/* A vector of the instruction set that the including file is compiled for, for the .isa.c files alone. */
#ifndef DAIL_WORKER_NN_CONV_VECTOR_H
#define DAIL_WORKER_NN_CONV_VECTOR_H

#include <stddef.h>
#include <string.h>

/* a * b + c in one instruction, which GCC otherwise withholds from -std=c11. */
#ifndef __clang__
#pragma GCC optimize("fp-contract=fast")
#endif

#if defined(__AVX512F__)
enum { VECTOR_FLOATS = 16 };
#elif defined(__AVX2__)
enum { VECTOR_FLOATS = 8 };
#else
enum { VECTOR_FLOATS = 4 };
#endif

typedef float vector __attribute__((vector_size(VECTOR_FLOATS * sizeof(float))));

#define INLINE static inline __attribute__((always_inline))

/* The next loop unrolled whole: arrays of vectors then live in registers. */
#define UNROLL _Pragma("GCC unroll 16")

/* The first `count` elements; the others are zero. */
INLINE vector vector_load(const float *from, size_t count)
{
    vector value = {0};
    memcpy(&value, from, count * sizeof *from);
    return value;
}

/* Where `value` is positive itself, elsewhere `other`. */
INLINE vector vector_positive(vector value, vector other)
{
    typedef int bits __attribute__((vector_size(sizeof(vector))));
    bits positive = value > (vector){0};
    return (vector)(((bits)value & positive) | ((bits)other & ~positive));
}

INLINE void vector_store(float *to, vector value, size_t count)
{
    memcpy(to, &value, count * sizeof *to);
}

#endif
