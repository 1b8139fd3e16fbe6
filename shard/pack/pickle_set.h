/* A verification set as InsightFace pickles it: (images, verdicts), where images[2 i] and images[2 i + 1] are
 * pair i. An image is its encoded bytes, or a numpy array of them; a verdict a bool, or 0 or 1, in a list or
 * a numpy array. Private to shard/.
 */
#ifndef DAIL_SHARD_PACK_PICKLE_SET_H
#define DAIL_SHARD_PACK_PICKLE_SET_H

#include "shard/pickle/pickle.h"

struct pickle_set {
    struct pickle pickle;
    uint32_t pairs;
    struct pickle_bytes *image; /* [2 pairs], owned */
    uint8_t *same; /* [pairs], owned: 0 or 1 */
};

/* STATUS_DATA if it is no pickle, or not such a set. */
enum status pickle_set_open(const char *path, struct pickle_set *set, struct error *error);
void pickle_set_close(struct pickle_set *set);

#endif
