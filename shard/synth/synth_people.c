#include "shard/synth/synth_people.h"

#include "proto/random.h"

#include <stdlib.h>

uint32_t synth_shared_people(const struct synth_config *config)
{
    return (uint32_t)(config->overlap * config->identities + 0.5);
}

uint64_t synth_first_held_out(const struct synth_config *config)
{
    const uint64_t own = (uint64_t)config->identities - synth_shared_people(config);
    return synth_shared_people(config) + own * (uint64_t)config->datasets;
}

enum status synth_people(const struct synth_config *config, int dataset, uint64_t *person,
                         struct error *error)
{
    const uint32_t identities = (uint32_t)config->identities;
    const uint32_t shared = synth_shared_people(config);
    uint32_t *slot = malloc((size_t)identities * sizeof *slot);
    if (!slot) {
        return error_set(error, STATUS_INTERNAL, NULL, "free memory", "no memory for %u people", identities);
    }
    for (uint32_t i = 0; i < identities; i++) {
        slot[i] = i;
    }
    struct random random = random_stream(config->seed, RANDOM_PACK, (uint64_t)dataset, 2);
    random_shuffle(&random, slot, identities);
    for (uint32_t i = 0; i < identities; i++) {
        person[i] =
            slot[i] < shared ? slot[i] : slot[i] + (uint64_t)dataset * (uint64_t)(identities - shared);
    }
    free(slot);
    return STATUS_OK;
}
