/* Who brought a number that is not finite: the lane and the samples, found where it first shows, before the
 * exchange mixes it with the others'. Looks at the embeddings, their gradients, and the end of the backward
 * pass, into which anything not finite above flows: a few thousand numbers a lane.
 *
 * Batch normalisation mixes the samples of a micro-batch: one bad image makes every embedding of its lane
 * bad. So the samples are those whose pixels are bad, and where none are, all those of the lane that show it.
 */
#ifndef DAIL_WORKER_BLAME_H
#define DAIL_WORKER_BLAME_H

#include "shard/manifest.h"
#include "worker/loader/loader.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BLAME_SAMPLES_MAX 4

enum blame_place { BLAME_PIXELS, BLAME_FORWARD, BLAME_LOSS, BLAME_BACKWARD };

struct blame {
    int lanes; /* own lanes that brought something; what follows is of the first */
    int last; /* the last of them */
    int lane;
    enum blame_place place;
    int samples; /* concerned, of which the first BLAME_SAMPLES_MAX are named */
    uint64_t ids[BLAME_SAMPLES_MAX];
};

/* After the forward pass: embedding [count][width]; the batch's images have `pixels` values each. */
void blame_forward(struct blame *blame, const struct micro_batch *batch, size_t pixels, int count,
                   const float *embedding, size_t width);
/* After the losses: their gradient with respect to the embeddings [count][width]. */
void blame_losses(struct blame *blame, const struct micro_batch *batch, int count, const float *gradient,
                  size_t width);
/* At the end of the backward pass: the first values of the gradient, of this worker's lanes so far. */
void blame_backward(struct blame *blame, const struct micro_batch *batch, int count, const float *gradient,
                    size_t values);

/* "lane 3, in the pixels of image 17 of tiny1 (tiny1-00000.h5, image 17)"; `manifests` are in config order.
 */
void blame_describe(const struct blame *blame, const struct manifest *manifests, size_t datasets, char *text,
                    size_t size);

#endif
