/* A trained backbone to compute with or to hand on, found, checked and read: a checkpoint's, or a
 * state_dict's that was trained elsewhere.
 */
#ifndef DAIL_WORKER_INTERCHANGE_BACKBONE_H
#define DAIL_WORKER_INTERCHANGE_BACKBONE_H

#include "worker/checkpoint/checkpoint.h"
#include "worker/interchange/state_dict_names.h"
#include "worker/nn/iresnet.h"

#include <stdbool.h>

struct backbone_use {
    int batch; /* images at a time */
    int threads;
    bool untrained; /* the weights that the run began with, for comparison */
    bool values_only; /* to be read, not computed with: no memory for transformed weights */
};

struct backbone {
    char path[1024]; /* of the checkpoint or state_dict */
    struct checkpoint_state state; /* of a state_dict its network without dropout, the rest 0 */
    bool imported; /* a state_dict */
    struct state_dict_note note; /* of a state_dict: what is to be told of it */
    struct iresnet *net;
};

/* `path`: a checkpoint, or a run's folder: its newest one is taken; or a state_dict (state_dict.h).
 * STATUS_DATA where there is none, or it is damaged (of a checkpoint sizes are checked, not every byte). The
 * caller calls backbone_free in any case. */
enum status backbone_load(const char *path, const struct backbone_use *use, struct backbone *backbone,
                          struct error *error);
void backbone_free(struct backbone *backbone);

#endif
