/* Where a pass's time goes: seconds by layer and phase, added up over passes. A network without a profile
 * (NULL) pays a comparison a layer.
 *
 * One clock, read at the end of each piece of work: what passed since it was last read goes to that piece, so
 * that the pieces make up the whole. What a pass's hooks do goes to the piece after them.
 */
#ifndef DAIL_WORKER_NN_PROFILE_H
#define DAIL_WORKER_NN_PROFILE_H

#include "proto/error.h"

#include <stddef.h>

enum profile_phase {
    PROFILE_CONV_FORWARD, /* the transform of new weights included */
    PROFILE_CONV_BACKWARD_DATA,
    PROFILE_CONV_BACKWARD_WEIGHT,
    PROFILE_BETWEEN, /* normalisation, activation, residual sums, dropout: all but what is fused into the
                        above */
    PROFILE_LINEAR, /* the last layer, both passes */
    PROFILE_PHASES
};

struct profile {
    size_t layers;
    double (*seconds)[PROFILE_PHASES]; /* [layers] */
    double last; /* when the clock was last read */
};

/* For a network of so many layers (iresnet_layer_count). On success the caller calls profile_free. */
enum status profile_create(size_t layers, struct profile *profile, struct error *error);
void profile_free(struct profile *profile);

/* Forgets what was added up. */
void profile_reset(struct profile *profile);

/* Reads the clock for nobody. Both do nothing without a profile. */
void profile_start(struct profile *profile);
/* Gives the time since the clock was last read to a phase of a layer. */
void profile_lap(struct profile *profile, size_t layer, enum profile_phase phase);

/* "conv forward" and so on. */
const char *profile_phase_name(enum profile_phase phase);

/* Seconds of a phase over all layers. */
double profile_phase_seconds(const struct profile *profile, enum profile_phase phase);

#endif
