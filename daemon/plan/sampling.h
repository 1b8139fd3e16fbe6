/* How often each image of a dataset comes in an epoch: data.sampling. A pure function of (seed, epoch, the dataset's
 * labels).
 *
 * natural: each image once.
 * balanced: as many images an epoch as the dataset has, N, of each of its C people as many as of every other, to within
 *   one: over the epochs a person's draws are numbered on, and draw d is the person's image d modulo n, so that every
 *   image comes in turn. In epoch e person c owns the draws from floor((e N + c) / C) to floor(((e + 1) N + c) / C), which
 *   are N over all people (Hermite's identity).
 * capped: of each person min(n, cap) images, which ones drawn anew for each epoch, each as likely as any other.
 *
 * A person is a class with images; a person's images are numbered in the order of the shards, which are shuffled.
 */
#ifndef DAIL_DAEMON_PLAN_SAMPLING_H
#define DAIL_DAEMON_PLAN_SAMPLING_H

#include "proto/config/config.h"
#include "shard/manifest.h"

struct sampling {
    enum config_sampling kind;
    uint32_t cap;
    uint32_t dataset; /* index in config order: it keys the draws */
    uint64_t images; /* of the dataset, without those that a run leaves out */
    uint64_t epoch_images; /* that come in an epoch */
    uint32_t people;
    uint32_t least, most; /* images of a person in an epoch */
    /* Private, owned; NULL for natural. */
    uint32_t *label; /* [images] */
    uint32_t *count; /* [classes]: images of each */
    uint32_t *person; /* [classes]: its number among the people */
    uint32_t *seen, *left; /* [classes]: room for sampling_draw */
    uint32_t classes;
};

/* Of a dataset whose labels are `label` (taken over, also on failure; NULL for natural), each below `classes`. */
enum status sampling_make(enum config_sampling kind, uint32_t cap, uint32_t dataset, uint32_t *label,
                          uint64_t images, uint32_t classes, struct sampling *sampling, struct error *error);

/* Of a manifest, whose labels are read where they matter: every shard is opened then. */
enum status sampling_open(const struct manifest *manifest, enum config_sampling kind, uint32_t cap,
                          uint32_t dataset, struct sampling *sampling, struct error *error);
/* {0} is left alone. */
void sampling_close(struct sampling *sampling);

/* repeats[images]: how often each comes; they sum to epoch_images. Not for natural. */
void sampling_draw(const struct sampling *sampling, uint64_t seed, int64_t epoch, uint32_t *repeats);

/* "balanced, 16200 images an epoch, 54 of a person", for people. */
void sampling_text(const struct sampling *sampling, char *text, size_t size);

#endif
