#include "worker/save.h"

#include "worker/checkpoint.h"

#include <string.h>

static enum status send_part(const struct worker_link *link, int64_t step, const struct checkpoint_part *part,
                             struct error *error)
{
    struct message message = {.kind = MESSAGE_PART,
                              .part = {.step = step, .bytes = part->bytes, .crc = part->crc}};
    memcpy(message.part.file, part->file, sizeof part->file);
    return link->send(link->context, &message, error);
}

static enum status send_failure(const struct worker_link *link, int64_t step, const struct error *failure,
                                struct error *error)
{
    struct message message = message_of_fault(failure, step);
    return link->send(link->context, &message, error);
}

/* The first worker makes the directory; nobody writes before it is there, or at all when it could not be. */
static enum status begin(struct trainer *trainer, int64_t step, enum status *begun, struct error *failure,
                         struct error *error)
{
    struct exchange *exchange = trainer->exchange;
    *begun = STATUS_OK;
    if (exchange->rank == 0) {
        *begun = checkpoint_begin(trainer->config->run.dir, step, failure);
    }
    double failed = *begun != STATUS_OK;
    enum status status = exchange->operations->sum_double(exchange, &failed, 1, error);
    if (failed > 0 && *begun == STATUS_OK) {
        *begun = STATUS_STORAGE;
        failure->status = STATUS_OK; /* the first worker tells it */
    }
    return status;
}

static enum status write_blocks(struct trainer *trainer, const char *directory, int64_t step,
                                const struct worker_link *link, struct error *failure, struct error *error)
{
    enum status status = STATUS_OK;
    for (size_t k = 0; k < trainer->datasets && status == STATUS_OK; k++) {
        const struct classifier_block *block = classifier_block(trainer->classifier, k);
        struct checkpoint_part part;
        if (block->row_begin == block->row_end) {
            continue;
        }
        if (checkpoint_write_classifier(directory, trainer->manifests[k].name, trainer->classes[k],
                                        trainer->config->model.embedding, block, &part,
                                        failure) != STATUS_OK) {
            return send_failure(link, step, failure, error);
        }
        status = send_part(link, step, &part, error);
    }
    return status;
}

enum status save_parts(struct trainer *trainer, int64_t step, const struct worker_link *link,
                       struct error *error)
{
    char directory[1024];
    struct error failure = {0};
    struct checkpoint_part part;
    enum status begun;
    checkpoint_path(trainer->config->run.dir, step, 1, directory, sizeof directory);
    enum status status = begin(trainer, step, &begun, &failure, error);
    if (status != STATUS_OK || begun != STATUS_OK) {
        return status == STATUS_OK && failure.status != STATUS_OK ? send_failure(link, step, &failure, error)
                                                                  : status;
    }
    if (trainer->exchange->rank == 0) {
        if (checkpoint_write_model(directory, trainer->net, trainer->momentum, trainer->domain,
                                   trainer->domain_momentum, &part, &failure) != STATUS_OK) {
            return send_failure(link, step, &failure, error);
        }
        status = send_part(link, step, &part, error);
    }
    if (status == STATUS_OK) {
        status = write_blocks(trainer, directory, step, link, &failure, error);
    }
    return status;
}

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

enum status save_restore(struct trainer *trainer, const char *path, struct error *error)
{
    struct checkpoint_state state = {0};
    enum status status = checkpoint_read_state(path, &state, error);
    if (status == STATUS_OK) {
        status = checkpoint_read_model(path, trainer->net, trainer->momentum, trainer->domain,
                                       trainer->domain_momentum, error);
    }
    for (size_t k = 0; k < trainer->datasets && status == STATUS_OK; k++) {
        const struct manifest *manifest = &trainer->manifests[k];
        const struct checkpoint_dataset *dataset = find_dataset(&state, manifest);
        if (!dataset) {
            status = error_set(error, STATUS_DATA, path, "give another checkpoint.resume or run.dir",
                               "the checkpoint has no dataset %u (%s) of %u classes", manifest->dataset_id,
                               manifest->name, manifest->classes);
            break;
        }
        status = checkpoint_read_classifier(path, dataset, trainer->config->model.embedding,
                                            classifier_block(trainer->classifier, k), 1, error);
    }
    iresnet_weights_changed(trainer->net);
    checkpoint_state_free(&state);
    return status;
}
