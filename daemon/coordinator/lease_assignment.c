#include "daemon/coordinator/lease_assignment.h"

#include "daemon/coordinator/journal_record.h"
#include "worker/exchange/lane_share.h"

#include <stdlib.h>

enum status lease_assignment_open(const struct coordinator_context *context,
                                  struct lease_assignment *assignment, struct error *error)
{
    const struct setup *setup = context->setup;
    *assignment = (struct lease_assignment){.context = context};
    assignment->epochs = (setup->steps + setup->steps_per_epoch - 1) / setup->steps_per_epoch;
    size_t shards = 0, next = 0;
    for (size_t k = 0; k < setup->datasets; k++) {
        shards += setup->manifests[k].shard_count;
    }
    assignment->datasets = calloc(setup->datasets + 1, sizeof *assignment->datasets);
    assignment->images = calloc(shards + 1, sizeof *assignment->images);
    if (!assignment->datasets || !assignment->images) {
        return error_no_memory(error, "coordinator");
    }
    for (size_t k = 0; k < setup->datasets; k++) {
        const struct manifest *manifest = &setup->manifests[k];
        assignment->datasets[k] =
            (struct plan_dataset){.images = assignment->images + next, .shards = manifest->shard_count};
        for (uint32_t i = 0; i < manifest->shard_count; i++) {
            assignment->images[next++] = manifest_shard_kept(&manifest->shards[i]);
        }
    }
    return STATUS_OK;
}

void lease_assignment_close(struct lease_assignment *assignment)
{
    for (size_t i = 0; i < sizeof assignment->plans / sizeof *assignment->plans; i++) {
        plan_free(&assignment->plans[i]);
    }
    free(assignment->datasets);
    free(assignment->images);
    *assignment = (struct lease_assignment){0};
}

/* How often each image of a sampled dataset is due; NULL: each once. */
static enum status draw_repeats(const struct lease_assignment *assignment, size_t k, int64_t epoch,
                                uint32_t **repeats, struct error *error)
{
    const struct setup *setup = assignment->context->setup;
    const struct sampling *sampling = &setup->sampling[k];
    *repeats = NULL;
    if (sampling->kind == CONFIG_SAMPLING_NATURAL) {
        return STATUS_OK;
    }
    *repeats = malloc((size_t)sampling->images * sizeof **repeats + 1);
    if (!*repeats) {
        return error_no_memory(error, "lease plan");
    }
    sampling_draw(sampling, setup->config.run.seed, epoch, *repeats);
    return STATUS_OK;
}

static enum status make_plan(struct lease_assignment *assignment, int64_t epoch, struct plan *plan,
                             struct error *error)
{
    const struct setup *setup = assignment->context->setup;
    uint32_t **repeats = calloc(setup->datasets + 1, sizeof *repeats);
    enum status status = repeats ? STATUS_OK : error_no_memory(error, "lease plan");
    for (size_t k = 0; k < setup->datasets && status == STATUS_OK; k++) {
        status = draw_repeats(assignment, k, epoch, &repeats[k], error);
        assignment->datasets[k].repeats = repeats[k];
    }
    if (status == STATUS_OK) {
        status = plan_make(assignment->datasets, setup->datasets, setup->lanes, setup->config.run.seed, epoch,
                           plan, error);
    }
    for (size_t k = 0; repeats && k < setup->datasets; k++) {
        assignment->datasets[k].repeats = NULL;
        free(repeats[k]);
    }
    free(repeats);
    return status;
}

/* The plan of an epoch: made, and recorded, when it is first asked for. */
static enum status get_plan(struct lease_assignment *assignment, int64_t epoch, const struct plan **plan,
                            struct error *error)
{
    const struct setup *setup = assignment->context->setup;
    struct plan *slot = &assignment->plans[epoch % (LEASE_EPOCHS_AHEAD + 1)];
    *plan = slot;
    if (slot->lane && slot->epoch == epoch) {
        return STATUS_OK;
    }
    plan_free(slot);
    enum status status = make_plan(assignment, epoch, slot, error);
    if (status == STATUS_OK) {
        journal_plan(assignment->context->journal, slot, setup->workers);
    }
    return status;
}

static enum status send_lane(struct lease_assignment *assignment, int64_t epoch, int lane, int worker,
                             struct error *error)
{
    const struct plan *plan;
    if (epoch >= assignment->epochs) {
        return STATUS_OK;
    }
    enum status status = get_plan(assignment, epoch, &plan, error);
    if (status != STATUS_OK) {
        return status;
    }
    struct message message = {.kind = MESSAGE_LEASES, .leases = plan->lane[lane]};
    return assignment->context->link.send(assignment->context->link.context, worker, &message, error);
}

enum status lease_assignment_begin(struct lease_assignment *assignment, int64_t step, struct error *error)
{
    const struct setup *setup = assignment->context->setup;
    int64_t first = step / setup->steps_per_epoch;
    enum status status = STATUS_OK;
    for (int64_t epoch = first; epoch < first + LEASE_EPOCHS_AHEAD; epoch++) {
        for (int lane = 0; lane < setup->lanes && status == STATUS_OK && step < setup->steps; lane++) {
            status = send_lane(assignment, epoch, lane, lane_share_owner(setup->lanes, setup->workers, lane),
                               error);
        }
    }
    return status;
}

enum status lease_assignment_renew(struct lease_assignment *assignment, int worker,
                                   const struct message_lease_done *done, struct error *error)
{
    const struct setup *setup = assignment->context->setup;
    if (done->lane < 0 || done->lane >= setup->lanes || done->epoch < 0 ||
        lane_share_owner(setup->lanes, setup->workers, done->lane) != worker) {
        return error_set(error, STATUS_LOST, NULL, NULL, "an end of lane %d came from a worker without it",
                         (int)done->lane);
    }
    return send_lane(assignment, done->epoch + LEASE_EPOCHS_AHEAD, done->lane, worker, error);
}
