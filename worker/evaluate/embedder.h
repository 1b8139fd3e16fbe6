/* Pixels to embeddings, a batch at a time, each image alone or with its mirror: what evaluating a network and
 * using one have in common.
 */
#ifndef DAIL_WORKER_EVALUATE_EMBEDDER_H
#define DAIL_WORKER_EVALUATE_EMBEDDER_H

#include "worker/nn/iresnet.h"

#include <stdbool.h>
#include <stdint.h>

struct embedder {
    struct iresnet *net; /* the caller's */
    int side, batch, embedding;
    bool mirror;
    float *image, *mirrored; /* [batch][side][side][3]; mirrored is NULL without `mirror` */
    float *first, *second; /* [batch][embedding], of the image and of its mirror */
};

/* `side`: the network's input; `batch`: at most what the network was made for. STATUS_INTERNAL when memory
 * runs out. The caller calls embedder_free in any case. */
enum status embedder_create(struct iresnet *net, int side, int batch, bool mirror, struct embedder *embedder,
                            struct error *error);
void embedder_free(struct embedder *embedder);

/* Puts an image, RGB pixels [side][side][3], in place `place` of the batch, as (x - 127.5) / 127.5. Threads
 * may fill different places at once. */
void embedder_put(struct embedder *embedder, int place, const uint8_t *pixels);

/* Embeds what is in the first `count` places. */
void embedder_run(struct embedder *embedder, int count, const struct iresnet_hooks *hooks);

/* values[embedding]: the embedding of the image in `place`, with `mirror` the sum of its own and its
 * mirror's. Returns the norm, with `mirror` the mean of the two. */
float embedder_take(const struct embedder *embedder, int place, float *values);

#endif
