/* Numbers to compute with, for the benchmarks of the convolutions: a benchmark without memory ends. */
#ifndef DAIL_TESTS_BENCH_VALUES_H
#define DAIL_TESTS_BENCH_VALUES_H

#include <stdio.h>
#include <stdlib.h>

/* The caller frees it. */
static inline void *values_memory(size_t bytes)
{
    void *made = aligned_alloc(64, (bytes + 63) / 64 * 64);
    if (!made) {
        fprintf(stderr, "no memory for %zu bytes; take a smaller batch\n", bytes);
        exit(1);
    }
    return made;
}

/* `count` numbers from -1 to 1, the same every time. The caller frees them. */
static inline float *values_make(size_t count)
{
    float *made = values_memory(count * sizeof *made);
    for (size_t i = 0; i < count; i++) {
        made[i] = (float)((i * 2654435761u >> 7) % 2001) / 1000.0f - 1.0f;
    }
    return made;
}

#endif
