#include "worker/loss/class_draw.h"

#include "proto/random.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

/* Stands where the streams of a dataset's blocks have the block's number. */
#define OFFSET_STREAM UINT32_MAX

static struct random stream_of(const struct class_draw *draw, uint32_t block)
{
    return random_stream(draw->seed, RANDOM_CLASSES, draw->step, (uint64_t)draw->dataset << 32 | block);
}

struct class_draw class_draw_begin(uint64_t seed, uint64_t step, uint32_t dataset, uint32_t classes,
                                   double rate)
{
    struct class_draw draw = {
        .seed = seed, .step = step, .dataset = dataset, .classes = classes, .rate = rate};
    struct random random = stream_of(&draw, OFFSET_STREAM);
    draw.offset = random_uniform_double(&random);
    return draw;
}

/* Drawn classes before this one. */
static double drawn_before(const struct class_draw *draw, uint64_t class_index)
{
    return floor(draw->rate * (double)class_index + draw->offset);
}

void class_draw_block(const struct class_draw *draw, uint32_t block, uint64_t bits[CLASS_DRAW_WORDS])
{
    uint64_t begin = (uint64_t)block * CLASS_DRAW_BLOCK;
    uint64_t end = begin + CLASS_DRAW_BLOCK < draw->classes ? begin + CLASS_DRAW_BLOCK : draw->classes;
    uint32_t size = (uint32_t)(end - begin);
    double wanted = drawn_before(draw, end) - drawn_before(draw, begin);
    uint32_t count = wanted < (double)size ? (uint32_t)wanted : size;
    struct random random = stream_of(draw, block);
    memset(bits, 0, CLASS_DRAW_WORDS * sizeof *bits);
    for (uint32_t last = size - count; last < size; last++) {
        uint32_t chosen = random_below(&random, last + 1);
        bool taken = bits[chosen / 64] >> chosen % 64 & 1;
        chosen = taken ? last : chosen;
        bits[chosen / 64] |= UINT64_C(1) << chosen % 64;
    }
}

uint64_t class_draw_most(double rate, uint64_t rows)
{
    /* The blocks at both ends may have theirs among the classes that are asked about. */
    uint64_t most = (uint64_t)ceil(rate * (double)(rows + 2 * CLASS_DRAW_BLOCK)) + 1;
    return most < rows ? most : rows;
}
