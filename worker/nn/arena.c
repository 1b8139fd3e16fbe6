#include "worker/nn/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define ALIGNMENT 64
#define HUGE_PAGE ((size_t)2 << 20)

static void touch(char *memory, size_t size, int threads)
{
#pragma omp parallel for schedule(static, 1) num_threads(threads)
    for (int thread = 0; thread < threads; thread++) {
        size_t share = size / (size_t)threads, begin = share * (size_t)thread;
        size_t end = thread == threads - 1 ? size : begin + share;
        memset(memory + begin, 0, end - begin);
    }
}

void *arena_take(struct arena *arena, size_t count, size_t bytes)
{
    size_t size;
    if (__builtin_mul_overflow(count, bytes, &size) || size > SIZE_MAX - ALIGNMENT - arena->used) {
        arena->overflow = true;
        return NULL;
    }
    char *memory = arena->base ? arena->base + arena->used : NULL;
    arena->used += (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (memory) {
        touch(memory, size, arena->threads);
    }
    return memory;
}

enum status arena_allocate(struct arena *arena, struct error *error)
{
    const char *next = "use a smaller batch.lane, model.arch or model.width, or a machine with more memory";
    if (arena->overflow || arena->used > SIZE_MAX - HUGE_PAGE) {
        return error_set(error, STATUS_INTERNAL, NULL, next, "the network's memory has no size");
    }
    arena->size = (arena->used + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
    arena->base = aligned_alloc(HUGE_PAGE, arena->size);
    if (!arena->base) {
        return error_set(error, STATUS_INTERNAL, NULL, next, "no memory for the network: %zu MiB needed",
                         arena->size >> 20);
    }
    /* Advice: without huge pages it is only slower. */
    (void)madvise(arena->base, arena->size, MADV_HUGEPAGE);
    arena->used = 0;
    return STATUS_OK;
}

void arena_free(struct arena *arena)
{
    free(arena->base);
    *arena = (struct arena){.threads = arena->threads};
}
