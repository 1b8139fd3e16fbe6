#include "worker/restore.h"

#include "worker/checkpoint/checkpoint.h"
#include "worker/interchange/state_dict.h"

#include <stdlib.h>
#include <string.h>

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

/* Gives the classes of dataset k of this run, `old` there, whose rows the checkpoint keeps at dataset `from` what it
 * has for them. */
static enum status take_shared_rows(struct trainer *trainer, size_t k, const char *path,
                                    const struct checkpoint_state *state, const struct identity_groups *there,
                                    size_t old, size_t from, struct error *error)
{
    const size_t width = (size_t)state->network.embedding;
    const struct checkpoint_dataset *source = &state->datasets[from];
    struct parameter_group own =
        classifier_parameter_group(trainer->classifier, k, trainer->manifests[k].name);
    const struct parameter weight = {.rank = 2, .shape = {source->classes, width}};
    struct parameter_group rows = {.name = source->name,
                                   .owned_rows = true,
                                   .parameters = &weight,
                                   .parameter_count = 1,
                                   .weight = calloc((size_t)source->classes * width, sizeof(float)),
                                   .rows = {.begin = 0, .end = source->classes, .all = source->classes}};
    enum status status =
        rows.weight ? checkpoint_read_classifier(path, source, &rows, error) : error_no_memory(error, path);
    for (uint32_t row = own.rows.begin; row < own.rows.end && status == STATUS_OK; row++) {
        uint32_t home = there->home[there->first_class[old] + row];
        if (identity_groups_dataset(there, home) == from) {
            memcpy(own.weight + (size_t)(row - own.rows.begin) * width,
                   rows.weight + (size_t)(home - there->first_class[from]) * width, width * sizeof(float));
        }
    }
    free(rows.weight);
    return status;
}

/* Homes are never of a later dataset. */
static enum status take_all_shared_rows(struct trainer *trainer, size_t k, const char *path,
                                        const struct checkpoint_state *state,
                                        const struct identity_groups *there, size_t old, struct error *error)
{
    enum status status = STATUS_OK;
    for (size_t from = 0; from < old && there->shared > 0 && status == STATUS_OK; from++) {
        status = take_shared_rows(trainer, k, path, state, there, old, from, error);
    }
    return status;
}

/* A checkpoint as the starting point: its backbone, and the class rows of the datasets that are the same. */
static enum status start_from_checkpoint(struct trainer *trainer, const char *path, struct error *error)
{
    struct checkpoint_state state = {0};
    struct identity_groups *there = NULL;
    enum status status = checkpoint_verify(path, true, error);
    if (status == STATUS_OK) {
        status = checkpoint_read_state(path, &state, error);
    }
    if (status == STATUS_OK) {
        status = checkpoint_read_identity(path, &state, &there, error);
    }
    if (status == STATUS_OK) {
        struct parameter_group backbone = iresnet_parameter_group(trainer->net);
        status = checkpoint_read_model(path, &backbone, 1, error);
    }
    for (size_t k = 0; k < trainer->datasets && status == STATUS_OK; k++) {
        struct manifest *manifest = &trainer->manifests[k];
        char why[256];
        status = manifest_fingerprint(manifest, manifest->fingerprint, error);
        const struct checkpoint_dataset *old =
            status == STATUS_OK ? checkpoint_find_rows(&state, manifest, why, sizeof why) : NULL;
        if (old) {
            struct parameter_group rows = classifier_parameter_group(trainer->classifier, k, manifest->name);
            status = checkpoint_read_classifier(path, old, &rows, error);
            if (status == STATUS_OK) {
                status = take_all_shared_rows(trainer, k, path, &state, there, (size_t)(old - state.datasets),
                                              error);
            }
        }
    }
    identity_groups_free(there);
    checkpoint_state_free(&state);
    return status;
}

enum status restore_initial_weights(struct trainer *trainer, struct error *error)
{
    const struct config *config = trainer->config;
    trainer_init_random(trainer);
    enum status status = STATUS_OK;
    if (state_dict_is_meant(config->model_init)) {
        status = state_dict_read(config->model_init, trainer->net, error);
    } else if (strcmp(config->model_init, "random") != 0) {
        status = start_from_checkpoint(trainer, config->model_init, error);
    }
    iresnet_weights_changed(trainer->net);
    return status;
}
