/* One allocation for everything a network needs, laid out once. The layout function runs twice: first on an
 * empty arena, which only measures, then after arena_allocate, which hands out the memory in the same order.
 */
#ifndef DAIL_WORKER_NN_ARENA_H
#define DAIL_WORKER_NN_ARENA_H

#include "proto/error.h"

#include <stdbool.h>
#include <stddef.h>

struct arena {
    char *base; /* NULL while measuring */
    size_t used, size;
    int threads; /* touch each piece in equal shares, so that its pages lie near who will use them */
    bool overflow;
};

/* count * bytes, zeroed, aligned to 64 bytes; NULL while measuring. */
void *arena_take(struct arena *arena, size_t count, size_t bytes);

/* After measuring: allocates what was asked for and starts over. STATUS_INTERNAL when there is no such
 * memory. The caller calls arena_free in any case. */
enum status arena_allocate(struct arena *arena, struct error *error);
void arena_free(struct arena *arena);

#endif
