/* A vector of the instruction set that the including file is compiled for, for the .isa.c files alone. */
#ifndef DAIL_WORKER_NN_CONV_LANES_H
#define DAIL_WORKER_NN_CONV_LANES_H

#include <stddef.h>
#include <string.h>

/* a * b + c in one instruction, which GCC otherwise withholds from -std=c11. */
#ifndef __clang__
#pragma GCC optimize("fp-contract=fast")
#endif

#if defined(__AVX512F__)
enum { LANES = 16 };
#elif defined(__AVX2__)
enum { LANES = 8 };
#else
enum { LANES = 4 };
#endif

typedef float lanes __attribute__((vector_size(LANES * sizeof(float))));

#define INLINE static inline __attribute__((always_inline))

/* The next loop unrolled whole: arrays of vectors then live in registers. */
#define UNROLL _Pragma("GCC unroll 16")

/* The first `count` of the lanes; the others are zero. */
INLINE lanes lanes_load(const float *from, size_t count)
{
    lanes value = {0};
    memcpy(&value, from, count * sizeof *from);
    return value;
}

/* Where `value` is positive itself, elsewhere `other`. */
INLINE lanes lanes_positive(lanes value, lanes other)
{
    typedef int bits __attribute__((vector_size(sizeof(lanes))));
    bits positive = value > (lanes){0};
    return (lanes)(((bits)value & positive) | ((bits)other & ~positive));
}

INLINE void lanes_store(float *to, lanes value, size_t count)
{
    memcpy(to, &value, count * sizeof *to);
}

#endif
