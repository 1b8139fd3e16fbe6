/* Random numbers that depend on nothing but their key: the counter-based generator Philox4x32-10
 * (Salmon, Moraes, Dror, Shaw: "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011).
 *
 * A draw is keyed by (seed, purpose, major, minor): no draw depends on timing, on the number of workers
 * or on other draws, so that a restarted run and a run on fewer workers draw the same numbers.
 */
#ifndef DAIL_PROTO_RANDOM_H
#define DAIL_PROTO_RANDOM_H

#include <stddef.h>
#include <stdint.h>

enum random_purpose {
    RANDOM_INIT = 1, /* initial weights: (parameter index, 0) */
    RANDOM_CLASSIFIER = 2, /* initial class weights: (dataset index, row) */
    RANDOM_DOMAIN = 3, /* initial domain head: (layer, 0) */
    RANDOM_PLAN = 4, /* leases of an epoch: (epoch, dataset index) */
    RANDOM_LANE = 5, /* order within a lane: (epoch, lane) */
    RANDOM_LEASE = 6, /* order within a lease: (epoch, sample id of its first image) */
    RANDOM_AUGMENT = 7, /* flip and shift: (epoch, sample id) */
    RANDOM_DROPOUT = 8, /* dropout before the last layer: (step, sample id) */
    RANDOM_CROSSING = 9, /* crossing dropout: (step, hash of sample id and class block): loss/crossing.h */
    RANDOM_PACK = 10, /* the order of images in a dataset's shards: (0, 0) */
    RANDOM_SYNTH = 11, /* the generator of synthetic faces: (identity, image) */
    RANDOM_SHEET = 12, /* whom a contact sheet shows: (0, 0) */
    RANDOM_ALTER = 13, /* what else is done to it: (epoch, sample id and kind): worker/augment/alteration.c */
    RANDOM_MARGIN = 14, /* a sample's margin, where it is drawn: (step, sample id) */
    RANDOM_BOOTSTRAP = 15, /* whom a draw of a bootstrap has: (draw, 0) */
    RANDOM_SAMPLE = 16, /* which images of a person an epoch takes: (epoch, its number in the dataset) */
    RANDOM_CLASSES =
        17 /* classes that stand in a step: (step, dataset index and class block): loss/class_draw.h */
};

/* One stream of draws. Plain data: copy it freely. */
struct random {
    uint32_t key[2];
    uint32_t counter[4];
    uint32_t buffer[4];
    unsigned used; /* how many of buffer's four words are spent */
};

/* The stream of a key. Streams of different keys are independent. 2^32 blocks of four words long. */
struct random random_stream(uint64_t seed, enum random_purpose purpose, uint64_t major, uint64_t minor);

/* One Philox4x32-10 block: for the test against the published vectors. */
void random_block(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

uint32_t random_u32(struct random *random);
uint64_t random_u64(struct random *random);
/* Uniform in [0, 1), 24 bits. */
float random_uniform(struct random *random);
/* Uniform in [0, 1), 53 bits. */
double random_uniform_double(struct random *random);
/* Standard normal (Box and Muller). */
float random_normal(struct random *random);
/* Uniform in 0..bound-1 without bias (Lemire); bound > 0. */
uint32_t random_below(struct random *random, uint32_t bound);
/* Fisher and Yates. */
void random_shuffle(struct random *random, uint32_t *values, size_t count);

#endif
