#include "worker/nn/profile.h"

#include "proto/clock.h"

#include <stdlib.h>
#include <string.h>

enum status profile_create(size_t layers, struct profile *profile, struct error *error)
{
    *profile = (struct profile){.layers = layers, .seconds = calloc(layers, sizeof *profile->seconds)};
    if (!profile->seconds) {
        return error_set(error, STATUS_INTERNAL, NULL, NULL, "no memory for a profile of %zu layers", layers);
    }
    return STATUS_OK;
}

void profile_free(struct profile *profile)
{
    free(profile->seconds);
    *profile = (struct profile){0};
}

void profile_reset(struct profile *profile)
{
    memset(profile->seconds, 0, profile->layers * sizeof *profile->seconds);
}

void profile_start(struct profile *profile)
{
    if (profile) {
        profile->last = clock_monotonic();
    }
}

void profile_lap(struct profile *profile, size_t layer, enum profile_phase phase)
{
    if (!profile) {
        return;
    }
    double time = clock_monotonic();
    profile->seconds[layer][phase] += time - profile->last;
    profile->last = time;
}

const char *profile_phase_name(enum profile_phase phase)
{
    static const char *const names[PROFILE_PHASES] = {
        [PROFILE_CONV_FORWARD] = "conv forward",
        [PROFILE_CONV_BACKWARD_DATA] = "conv backward data",
        [PROFILE_CONV_BACKWARD_WEIGHT] = "conv backward weights",
        [PROFILE_BETWEEN] = "normalisation and activation",
        [PROFILE_LINEAR] = "linear",
    };
    return names[phase];
}

double profile_phase_seconds(const struct profile *profile, enum profile_phase phase)
{
    double sum = 0;
    for (size_t layer = 0; layer < profile->layers; layer++) {
        sum += profile->seconds[layer][phase];
    }
    return sum;
}
