#include "proto/random.h"

#include <math.h>

enum { ROUNDS = 10 };

void random_block(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4])
{
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    uint32_t k0 = key[0], k1 = key[1];
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t p0 = (uint64_t)0xD2511F53u * c0;
        uint64_t p1 = (uint64_t)0xCD9E8D57u * c2;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)p1;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)p0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

struct random random_stream(uint64_t seed, enum random_purpose purpose, uint64_t major, uint64_t minor)
{
    /* A 128-bit counter cannot hold the whole key beside the position, so the key is hashed: one block keyed
     * by the seed over (major, purpose), the next over the minor, give this stream's own Philox key. */
    uint32_t seed_key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    uint32_t first[4] = {(uint32_t)major, (uint32_t)(major >> 32), (uint32_t)purpose, 0x4441494Cu};
    uint32_t mixed[4], second[4], key[4];
    random_block(first, seed_key, mixed);
    second[0] = (uint32_t)minor;
    second[1] = (uint32_t)(minor >> 32);
    second[2] = mixed[2];
    second[3] = mixed[3];
    random_block(second, mixed, key);
    return (struct random){.key = {key[0], key[1]}, .counter = {0, 0, key[2], key[3]}, .used = 4};
}

uint32_t random_u32(struct random *random)
{
    if (random->used == 4) {
        random_block(random->counter, random->key, random->buffer);
        random->used = 0;
        if (++random->counter[0] == 0) {
            random->counter[1]++;
        }
    }
    return random->buffer[random->used++];
}

uint64_t random_u64(struct random *random)
{
    uint64_t high = random_u32(random);
    return high << 32 | random_u32(random);
}

float random_uniform(struct random *random)
{
    return (float)(random_u32(random) >> 8) * 0x1p-24f;
}

double random_uniform_double(struct random *random)
{
    return (double)(random_u64(random) >> 11) * 0x1p-53;
}

float random_normal(struct random *random)
{
    double radius = sqrt(-2.0 * log(1.0 - random_uniform_double(random)));
    return (float)(radius * cos(6.283185307179586 * random_uniform_double(random)));
}

uint32_t random_below(struct random *random, uint32_t bound)
{
    uint64_t product = (uint64_t)random_u32(random) * bound;
    if ((uint32_t)product < bound) {
        uint32_t threshold = (uint32_t)(-bound) % bound;
        while ((uint32_t)product < threshold) {
            product = (uint64_t)random_u32(random) * bound;
        }
    }
    return (uint32_t)(product >> 32);
}

void random_shuffle(struct random *random, uint32_t *values, size_t count)
{
    for (size_t i = count; i > 1; i--) {
        size_t j = random_below(random, (uint32_t)i);
        uint32_t value = values[i - 1];
        values[i - 1] = values[j];
        values[j] = value;
    }
}
