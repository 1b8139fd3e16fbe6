/* Which class rows of a checkpoint are those of a dataset. */
#include "worker/checkpoint/checkpoint.h"

#include <stdio.h>
#include <string.h>

const struct checkpoint_dataset *checkpoint_find_rows(const struct checkpoint_state *state,
                                                      const struct manifest *manifest, char *why, size_t size)
{
    snprintf(why, size, "it has no dataset of that name");
    for (size_t i = 0; i < state->dataset_count; i++) {
        const struct checkpoint_dataset *dataset = &state->datasets[i];
        if (strcmp(dataset->name, manifest->name) != 0) {
            continue;
        }
        if (dataset->classes != manifest->classes) {
            snprintf(why, size, "its %s has %u classes", dataset->name, dataset->classes);
        } else if (manifest_compare(dataset->fingerprint, manifest->fingerprint) == MANIFEST_OTHER_PEOPLE) {
            snprintf(why, size, "its %s has other people behind the same numbers", dataset->name);
        } else {
            return dataset;
        }
    }
    return NULL;
}
