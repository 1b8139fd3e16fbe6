#include "worker/loss/crossing.h"

#include <math.h>

/* The finaliser of splitmix64 (Steele, Lea, Flood: "Fast Splittable Pseudorandom Number Generators"). */
static uint64_t mix(uint64_t value)
{
    value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9u;
    value = (value ^ (value >> 27)) * 0x94D049BB133111EBu;
    return value ^ (value >> 31);
}

uint64_t crossing_stream(uint64_t sample, uint64_t block)
{
    return mix(sample ^ mix(block + 1));
}

static void enter_block(struct crossing_walk *walk, uint64_t block)
{
    walk->block = block;
    walk->next = block * CROSSING_BLOCK;
    walk->random = random_stream(walk->key.seed, RANDOM_CROSSING, walk->key.step,
                                 crossing_stream(walk->key.sample, block));
}

struct crossing_walk crossing_begin(const struct crossing_key *key, uint64_t begin, uint64_t end)
{
    struct crossing_walk walk = {.key = *key, .begin = begin, .end = end};
    walk.log_complement = log1p(-key->probability);
    enter_block(&walk, begin / CROSSING_BLOCK);
    return walk;
}

bool crossing_next(struct crossing_walk *walk, uint64_t *class_index)
{
    while (walk->next < walk->end) {
        uint64_t block_end = (walk->block + 1) * CROSSING_BLOCK;
        double passed = floor(log(1.0 - random_uniform_double(&walk->random)) / walk->log_complement);
        if (passed >= (double)(block_end - walk->next)) {
            enter_block(walk, walk->block + 1);
            continue;
        }
        uint64_t drawn = walk->next + (uint64_t)passed;
        walk->next = drawn + 1;
        if (walk->next == block_end) {
            enter_block(walk, walk->block + 1);
        }
        if (drawn >= walk->begin && drawn < walk->end) {
            *class_index = drawn;
            return true;
        }
    }
    return false;
}
