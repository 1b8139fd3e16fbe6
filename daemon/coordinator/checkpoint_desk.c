#include "daemon/coordinator/checkpoint_desk.h"

#include "worker/loss/classifier.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum status out_of_memory(struct error *error)
{
    return error_set(error, STATUS_INTERNAL, "coordinator", NULL, "out of memory");
}

static void describe_model(const struct setup *setup, struct checkpoint_state *state)
{
    const struct config *config = &setup->config;
    *state = (struct checkpoint_state){.steps = setup->steps,
                                       .steps_per_epoch = setup->steps_per_epoch,
                                       .lanes = setup->lanes,
                                       .workers = setup->workers,
                                       .lane_batch = config->batch.lane,
                                       .seed = config->run.seed,
                                       .input = config->model.input,
                                       .embedding = config->model.embedding,
                                       .width = config->model.width,
                                       .dropout = config->model.dropout,
                                       .hidden_count = config->domain.hidden_count};
    snprintf(state->digest, sizeof state->digest, "%s", setup->digest);
    snprintf(state->version, sizeof state->version, "%s", DAIL_VERSION);
    snprintf(state->arch, sizeof state->arch, "%s", config->model.arch);
    for (size_t i = 0; i < config->domain.hidden_count; i++) {
        state->hidden[i] = config->domain.hidden[i];
    }
}

enum status checkpoint_desk_open(const struct setup *setup, struct checkpoint_desk *desk, struct error *error)
{
    *desk = (struct checkpoint_desk){.setup = setup, .expected = 1, .step = -1, .culprit = -1};
    if (setup->config.domain.hidden_count > CHECKPOINT_HIDDEN_MAX) {
        return error_set(error, STATUS_USAGE, "domain.hidden", "use fewer layers",
                         "a domain head of more than %d hidden layers cannot be stored",
                         CHECKPOINT_HIDDEN_MAX);
    }
    describe_model(setup, &desk->state);
    desk->state.datasets = calloc(setup->datasets + 1, sizeof *desk->state.datasets);
    if (!desk->state.datasets) {
        return out_of_memory(error);
    }
    desk->state.dataset_count = setup->datasets;
    for (size_t k = 0; k < setup->datasets; k++) {
        struct checkpoint_dataset *dataset = &desk->state.datasets[k];
        int first, owners;
        classifier_layout(setup->classes, setup->datasets, (uint32_t)setup->config.classifier.rows_min,
                          setup->workers, k, &first, &owners);
        snprintf(dataset->name, sizeof dataset->name, "%s", setup->manifests[k].name);
        dataset->id = setup->manifests[k].dataset_id;
        dataset->classes = setup->classes[k];
        dataset->parts = (uint32_t)owners;
        desk->expected += (size_t)owners;
    }
    desk->parts = calloc(desk->expected, sizeof *desk->parts);
    desk->saved = calloc((size_t)setup->workers, sizeof *desk->saved);
    return desk->parts && desk->saved ? STATUS_OK : out_of_memory(error);
}

void checkpoint_desk_close(struct checkpoint_desk *desk)
{
    free(desk->parts);
    free(desk->saved);
    checkpoint_state_free(&desk->state);
    desk->parts = NULL;
    desk->saved = NULL;
}

/* The first word of a checkpoint opens it. */
static enum status open_step(struct checkpoint_desk *desk, int64_t step, const char *what,
                             struct error *error)
{
    if (desk->step < 0) {
        desk->step = step;
        desk->count = 0;
        desk->heard = 0;
        desk->stall = desk->seconds = 0;
        desk->culprit = -1;
        memset(desk->saved, 0, (size_t)desk->setup->workers * sizeof *desk->saved);
    }
    if (step != desk->step) {
        return error_set(error, STATUS_LOST, what, NULL,
                         "a part of a checkpoint of step %lld came while the one of step %lld is written",
                         (long long)step, (long long)desk->step);
    }
    return STATUS_OK;
}

enum status checkpoint_desk_part(struct checkpoint_desk *desk, const struct message_part *part,
                                 struct error *error)
{
    enum status status = open_step(desk, part->step, part->file, error);
    if (status != STATUS_OK) {
        return status;
    }
    if (desk->count == desk->expected) {
        return error_set(error, STATUS_LOST, part->file, NULL,
                         "the checkpoint of step %lld has a part too many", (long long)part->step);
    }
    for (size_t i = 0; i < desk->count; i++) {
        if (strcmp(desk->parts[i].file, part->file) == 0) {
            return error_set(error, STATUS_LOST, part->file, NULL,
                             "the same part of the checkpoint of step %lld came twice",
                             (long long)part->step);
        }
    }
    struct checkpoint_part *entry = &desk->parts[desk->count++];
    memcpy(entry->file, part->file, sizeof entry->file);
    entry->bytes = part->bytes;
    entry->crc = part->crc;
    return STATUS_OK;
}

/* Every worker is through. */
static void settle(struct checkpoint_desk *desk, struct checkpoint_outcome *outcome, struct error *error)
{
    const char *run_dir = desk->setup->config.run.dir;
    *outcome = (struct checkpoint_outcome){.settled = true,
                                           .step = desk->step,
                                           .culprit = desk->culprit,
                                           .stall = desk->stall,
                                           .seconds = desk->seconds};
    desk->state.step = desk->step;
    checkpoint_path(run_dir, desk->step, 0, outcome->path, sizeof outcome->path);
    if (desk->culprit >= 0) {
        *error = desk->failure;
        outcome->status = error->status;
    } else {
        outcome->status =
            checkpoint_commit(run_dir, &desk->state, desk->parts, desk->count, &outcome->bytes, error);
    }
    if (outcome->status != STATUS_OK) {
        checkpoint_abandon(run_dir, desk->step);
    } else {
        struct checkpoint_retention retention = {
            .last = desk->setup->config.checkpoint.keep.last,
            .every_steps = desk->setup->config.checkpoint.keep.every_epochs * desk->setup->steps_per_epoch};
        outcome->prune = checkpoint_prune(run_dir, &retention, error);
    }
    desk->step = -1;
}

enum status checkpoint_desk_saved(struct checkpoint_desk *desk, int worker, const struct message_saved *saved,
                                  struct checkpoint_outcome *outcome, struct error *error)
{
    *outcome = (struct checkpoint_outcome){.step = saved->step};
    enum status status = open_step(desk, saved->step, "checkpoint", error);
    if (status == STATUS_OK && desk->saved[worker]) {
        status =
            error_set(error, STATUS_LOST, "checkpoint", NULL,
                      "a worker was through with the checkpoint of step %lld twice", (long long)saved->step);
    }
    if (status != STATUS_OK) {
        return status;
    }
    desk->saved[worker] = true;
    desk->stall = saved->stall > desk->stall ? saved->stall : desk->stall;
    desk->seconds = saved->seconds > desk->seconds ? saved->seconds : desk->seconds;
    desk->state.skips = saved->skips;
    desk->state.evaluate = saved->evaluate != 0;
    if (saved->status != STATUS_OK && desk->culprit < 0) {
        desk->culprit = worker;
        desk->failure = message_saved_error(saved);
    }
    if (++desk->heard < desk->setup->workers) {
        return STATUS_OK;
    }
    if (desk->culprit < 0 && desk->count != desk->expected) {
        return error_set(error, STATUS_LOST, "checkpoint", NULL,
                         "the checkpoint of step %lld has %zu parts where %zu were expected",
                         (long long)saved->step, desk->count, desk->expected);
    }
    settle(desk, outcome, error);
    return STATUS_OK;
}

void checkpoint_desk_abandon(struct checkpoint_desk *desk)
{
    if (desk->step >= 0) {
        checkpoint_abandon(desk->setup->config.run.dir, desk->step);
        desk->step = -1;
    }
}
