/* What an iresnet_config means in numbers: blocks, widths and sides of every layer.
 */
#ifndef DAIL_WORKER_NN_DIMENSIONS_H
#define DAIL_WORKER_NN_DIMENSIONS_H

#include "worker/nn/iresnet.h"

#define IRESNET_LAYERS 4

struct dimensions {
    int blocks[IRESNET_LAYERS]; /* of each layer */
    int widths[IRESNET_LAYERS]; /* channels of each layer; the stem has the first layer's */
    int input; /* side of the image; each layer's first block halves it */
    int side_last; /* of the last layer's output: input / 16 */
    int embedding;
};

/* STATUS_USAGE, naming the key, for an unknown arch or any size out of range. Allocates nothing. */
enum status dimensions_of(const struct iresnet_config *config, struct dimensions *dimensions,
                          struct error *error);

/* The constant name of the architecture that is called so; NULL: none. */
const char *dimensions_arch_named(const char *name);

/* The architecture that has so many blocks in its layers; NULL: none. */
const char *dimensions_arch(const int blocks[IRESNET_LAYERS]);

#endif
