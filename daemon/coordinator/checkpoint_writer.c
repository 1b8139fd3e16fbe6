#include "daemon/coordinator/checkpoint_writer.h"

#include "worker/loss/classifier.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void describe_model(const struct setup *setup, struct checkpoint_state *state)
{
    const struct config *config = &setup->config;
    *state = (struct checkpoint_state){.steps = setup->steps,
                                       .steps_per_epoch = setup->steps_per_epoch,
                                       .lanes = setup->lanes,
                                       .workers = setup->workers,
                                       .lane_batch = config->batch.lane,
                                       .seed = config->run.seed,
                                       .network = config->model,
                                       .hidden_count = config->domain.hidden_count};
    snprintf(state->digest, sizeof state->digest, "%s", setup->digest);
    snprintf(state->version, sizeof state->version, "%s", DAIL_VERSION);
    for (size_t i = 0; i < config->domain.hidden_count; i++) {
        state->hidden[i] = config->domain.hidden[i];
    }
}

enum status checkpoint_writer_open(const struct setup *setup, struct folder_lock *lock,
                                   struct checkpoint_writer *writer, struct error *error)
{
    *writer =
        (struct checkpoint_writer){.setup = setup, .lock = lock, .expected = 1, .step = -1, .culprit = -1};
    if (setup->config.domain.hidden_count > CHECKPOINT_HIDDEN_MAX) {
        return error_set(error, STATUS_USAGE, "domain.hidden", "use fewer layers",
                         "a domain head of more than %d hidden layers cannot be stored",
                         CHECKPOINT_HIDDEN_MAX);
    }
    describe_model(setup, &writer->state);
    writer->state.settings = setup->settings ? strdup(setup->settings) : NULL;
    writer->state.datasets = calloc(setup->datasets + 1, sizeof *writer->state.datasets);
    if (!writer->state.datasets || (setup->settings && !writer->state.settings)) {
        return error_no_memory(error, "coordinator");
    }
    writer->state.dataset_count = setup->datasets;
    for (size_t k = 0; k < setup->datasets; k++) {
        struct checkpoint_dataset *dataset = &writer->state.datasets[k];
        int first, owners;
        classifier_layout(setup->classes, setup->datasets, (uint32_t)setup->config.classifier.rows_min,
                          setup->workers, k, &first, &owners);
        snprintf(dataset->name, sizeof dataset->name, "%s", setup->manifests[k].name);
        dataset->id = setup->manifests[k].dataset_id;
        dataset->classes = setup->classes[k];
        dataset->parts = (uint32_t)owners;
        snprintf(dataset->fingerprint, sizeof dataset->fingerprint, "%s", setup->manifests[k].fingerprint);
        writer->expected += (size_t)owners;
    }
    writer->parts = calloc(writer->expected, sizeof *writer->parts);
    writer->saved = calloc((size_t)setup->workers, sizeof *writer->saved);
    return writer->parts && writer->saved ? STATUS_OK : error_no_memory(error, "coordinator");
}

void checkpoint_writer_close(struct checkpoint_writer *writer)
{
    free(writer->parts);
    free(writer->saved);
    checkpoint_state_free(&writer->state);
    writer->parts = NULL;
    writer->saved = NULL;
}

/* The first word of a checkpoint opens it. */
static enum status open_step(struct checkpoint_writer *writer, int64_t step, const char *what,
                             struct error *error)
{
    if (writer->step < 0) {
        writer->step = step;
        writer->count = 0;
        writer->heard = 0;
        writer->stall = writer->seconds = 0;
        writer->culprit = -1;
        memset(writer->saved, 0, (size_t)writer->setup->workers * sizeof *writer->saved);
    }
    if (step != writer->step) {
        return error_set(error, STATUS_LOST, what, NULL,
                         "a part of a checkpoint of step %lld came while the one of step %lld is written",
                         (long long)step, (long long)writer->step);
    }
    return STATUS_OK;
}

enum status checkpoint_writer_part(struct checkpoint_writer *writer, const struct message_part *part,
                                   struct error *error)
{
    enum status status = open_step(writer, part->step, part->file, error);
    if (status != STATUS_OK) {
        return status;
    }
    if (writer->count == writer->expected) {
        return error_set(error, STATUS_LOST, part->file, NULL,
                         "the checkpoint of step %lld has a part too many", (long long)part->step);
    }
    for (size_t i = 0; i < writer->count; i++) {
        if (strcmp(writer->parts[i].file, part->file) == 0) {
            return error_set(error, STATUS_LOST, part->file, NULL,
                             "the same part of the checkpoint of step %lld came twice",
                             (long long)part->step);
        }
    }
    struct checkpoint_part *entry = &writer->parts[writer->count++];
    memcpy(entry->file, part->file, sizeof entry->file);
    entry->bytes = part->bytes;
    entry->crc = part->crc;
    return STATUS_OK;
}

/* Every worker is through. */
static void settle(struct checkpoint_writer *writer, struct checkpoint_outcome *outcome, struct error *error)
{
    const char *run_dir = writer->setup->config.run.dir;
    *outcome = (struct checkpoint_outcome){.settled = true,
                                           .step = writer->step,
                                           .culprit = writer->culprit,
                                           .stall = writer->stall,
                                           .seconds = writer->seconds};
    writer->state.step = writer->step;
    checkpoint_path(run_dir, writer->step, NULL, outcome->path, sizeof outcome->path);
    if (writer->culprit >= 0) {
        *error = writer->failure;
        outcome->status = error->status;
    } else {
        outcome->status = checkpoint_commit(run_dir, writer->lock, &writer->state, writer->parts,
                                            writer->count, &outcome->bytes, error);
    }
    if (outcome->status != STATUS_OK) {
        checkpoint_abandon(run_dir, folder_lock_nonce(writer->lock), writer->step);
    } else {
        struct checkpoint_retention retention = {.last = writer->setup->config.checkpoint.keep.last,
                                                 .every_steps =
                                                     writer->setup->config.checkpoint.keep.every_epochs *
                                                     writer->setup->steps_per_epoch};
        outcome->prune = checkpoint_prune(run_dir, writer->lock, &retention, error);
    }
    writer->step = -1;
}

enum status checkpoint_writer_saved(struct checkpoint_writer *writer, int worker,
                                    const struct message_saved *saved, struct checkpoint_outcome *outcome,
                                    struct error *error)
{
    *outcome = (struct checkpoint_outcome){.step = saved->step};
    enum status status = open_step(writer, saved->step, "checkpoint", error);
    if (status == STATUS_OK && writer->saved[worker]) {
        status =
            error_set(error, STATUS_LOST, "checkpoint", NULL,
                      "a worker was through with the checkpoint of step %lld twice", (long long)saved->step);
    }
    if (status != STATUS_OK) {
        return status;
    }
    writer->saved[worker] = true;
    writer->stall = saved->stall > writer->stall ? saved->stall : writer->stall;
    writer->seconds = saved->seconds > writer->seconds ? saved->seconds : writer->seconds;
    writer->state.skips = saved->skips;
    writer->state.evaluate = saved->evaluate != 0;
    if (saved->status != STATUS_OK && writer->culprit < 0) {
        writer->culprit = worker;
        writer->failure = message_saved_error(saved);
    }
    if (++writer->heard < writer->setup->workers) {
        return STATUS_OK;
    }
    if (writer->culprit < 0 && writer->count != writer->expected) {
        return error_set(error, STATUS_LOST, "checkpoint", NULL,
                         "the checkpoint of step %lld has %zu parts where %zu were expected",
                         (long long)saved->step, writer->count, writer->expected);
    }
    settle(writer, outcome, error);
    return STATUS_OK;
}

void checkpoint_writer_abandon(struct checkpoint_writer *writer)
{
    if (writer->step >= 0) {
        checkpoint_abandon(writer->setup->config.run.dir, folder_lock_nonce(writer->lock), writer->step);
        writer->step = -1;
    }
}
