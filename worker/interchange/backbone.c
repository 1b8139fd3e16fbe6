#include "worker/interchange/backbone.h"

#include "worker/interchange/state_dict.h"

#include <stdio.h>

static enum status make_network(const struct backbone_use *use, struct backbone *backbone,
                                struct error *error)
{
    const struct checkpoint_state *state = &backbone->state;
    const struct iresnet_config config = {.network = state->network,
                                          .batch_max = use->batch,
                                          .threads = use->threads,
                                          .micro_batches = use->values_only ? 1 : 0};
    enum status status = iresnet_create(&config, &backbone->net, error);
    if (status != STATUS_OK) {
        return status;
    }
    if (backbone->imported) {
        return state_dict_read(backbone->path, backbone->net, error);
    }
    if (use->untrained) {
        iresnet_init(backbone->net, state->seed);
        return STATUS_OK;
    }
    const struct parameter_group group = iresnet_parameter_group(backbone->net);
    status = checkpoint_read_model(backbone->path, &group, 1, NULL, error);
    if (status == STATUS_OK) {
        iresnet_weights_changed(backbone->net);
    }
    return status;
}

static enum status open_checkpoint(const char *path, struct backbone *backbone, struct error *error)
{
    enum status status = checkpoint_find(path, backbone->path, sizeof backbone->path, error);
    if (status == STATUS_OK) {
        status = checkpoint_verify(backbone->path, false, error);
    }
    return status == STATUS_OK ? checkpoint_read_state(backbone->path, &backbone->state, error) : status;
}

static enum status open_state_dict(const char *path, const struct backbone_use *use,
                                   struct backbone *backbone, struct error *error)
{
    backbone->imported = true;
    snprintf(backbone->path, sizeof backbone->path, "%s", path);
    if (use->untrained) {
        return error_set(error, STATUS_USAGE, path, "name a checkpoint",
                         "a state_dict does not tell the weights that its training began with");
    }
    return state_dict_describe(path, &backbone->state, &backbone->note, error);
}

enum status backbone_load(const char *path, const struct backbone_use *use, struct backbone *backbone,
                          struct error *error)
{
    *backbone = (struct backbone){0};
    enum status status = state_dict_is_meant(path) ? open_state_dict(path, use, backbone, error)
                                                   : open_checkpoint(path, backbone, error);
    return status == STATUS_OK ? make_network(use, backbone, error) : status;
}

void backbone_free(struct backbone *backbone)
{
    iresnet_free(backbone->net);
    checkpoint_state_free(&backbone->state);
    *backbone = (struct backbone){0};
}
