#include "worker/restore.h"

#include "worker/checkpoint/checkpoint.h"

/* The checkpoint's entry for a dataset of this run. */
static const struct checkpoint_dataset *find_dataset(const struct checkpoint_state *state,
                                                     const struct manifest *manifest)
{
    for (size_t i = 0; i < state->dataset_count; i++) {
        if (state->datasets[i].id == manifest->dataset_id &&
            state->datasets[i].classes == manifest->classes) {
            return &state->datasets[i];
        }
    }
    return NULL;
}

enum status restore_checkpoint(struct trainer *trainer, const char *path, struct error *error)
{
    struct checkpoint_state state = {0};
    enum status status = checkpoint_read_state(path, &state, error);
    if (status == STATUS_OK) {
        status = checkpoint_read_model(path, trainer->groups, trainer->group_count, error);
    }
    const struct manifest *manifest = trainer->manifests;
    for (size_t i = 0; i < trainer->group_count && status == STATUS_OK; i++) {
        if (!trainer->groups[i].owned_rows) {
            continue;
        }
        const struct checkpoint_dataset *dataset = find_dataset(&state, manifest);
        if (!dataset) {
            status = error_set(error, STATUS_DATA, path, "give another checkpoint.resume or run.dir",
                               "the checkpoint has no dataset %u (%s) of %u classes", manifest->dataset_id,
                               manifest->name, manifest->classes);
            break;
        }
        status = checkpoint_read_classifier(path, dataset, &trainer->groups[i], error);
        manifest++;
    }
    iresnet_weights_changed(trainer->net);
    checkpoint_state_free(&state);
    return status;
}
