#include "daemon/coordinator/coordinator_handshake.h"

#include "daemon/setup/placement.h"
#include "proto/clock.h"
#include "worker/loss/classifier.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static enum status check_versions(const struct coordinator *coordinator, struct error *error)
{
    for (int w = 0; w < coordinator->setup->workers; w++) {
        const struct message_hello *hello = &coordinator->hello[w];
        if (strcmp(hello->version, DAIL_VERSION) != 0) {
            char name[192];
            coordinator_name_worker(coordinator, w, name, sizeof name);
            return error_set(error, STATUS_USAGE, name, "install one version of daild on every host",
                             "a worker runs daild %s, the coordinator %s", hello->version, DAIL_VERSION);
        }
    }
    return STATUS_OK;
}

static void print_table(struct journal *journal, char *table)
{
    char *rest = NULL;
    for (char *line = strtok_r(table, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        journal_line(journal, "%s", line);
    }
}

static enum status show_placement(struct coordinator *coordinator, struct error *error)
{
    const struct setup *setup = coordinator->setup;
    char host[128] = "";
    gethostname(host, sizeof host - 1);
    struct placement_dataset *datasets = calloc(setup->datasets + 1, sizeof *datasets);
    if (!datasets) {
        return error_no_memory(error, "coordinator");
    }
    for (size_t k = 0; k < setup->datasets; k++) {
        datasets[k].name = setup->manifests[k].name;
        datasets[k].classes = setup->classes[k];
        datasets[k].images = (double)setup->sampling[k].epoch_images;
        classifier_layout(setup->classes, setup->datasets, (uint32_t)setup->config.classifier.rows_min,
                          setup->workers, k, &datasets[k].first, &datasets[k].owners);
    }
    const struct config *config = &setup->config;
    struct placement_input input = {
        .hello = coordinator->hello,
        .workers = setup->workers,
        .coordinator_host = host,
        .lanes = setup->lanes,
        .lane_batch = setup->config.batch.lane,
        .embedding = setup->config.model.embedding,
        .gradient_bytes = (setup->backbone_parameters + setup->domain_parameters) * (int64_t)sizeof(float),
        .datasets = datasets,
        .dataset_count = setup->datasets,
        .samples_to_all = config->loss.scope == CONFIG_SCOPE_ALL || config->loss.crossing_dropout > 0 ||
                          config->identity.unify == CONFIG_UNIFY_DISCOVER ||
                          (setup->identity && setup->identity->shared > 0),
        .launcher = coordinator->context->launcher,
        .interface_include = launcher_interfaces(true),
        .interface_exclude = launcher_interfaces(false)};
    struct placement placement;
    enum status status = placement_describe(&input, &placement, error);
    free(datasets);
    if (status != STATUS_OK) {
        return status;
    }
    print_table(coordinator->journal, placement.table);
    for (size_t i = 0; i < placement.warnings; i++) {
        journal_warn(coordinator->journal, placement.warning[i]);
    }
    coordinator->step_seconds = placement.seconds_compute + placement.seconds_exchange;
    placement_free(&placement);
    return STATUS_OK;
}

static void announce(struct coordinator *coordinator)
{
    const struct setup *setup = coordinator->setup;
    struct journal *journal = coordinator->journal;
    journal_line(journal,
                 "%s: %s, %lld images of %zu datasets, %d lanes x %d images = %lld a step, %lld steps "
                 "(%lld an epoch)",
                 setup->config.run.name, setup->config.model.arch, (long long)setup->images, setup->datasets,
                 setup->lanes, setup->config.batch.lane, (long long)setup->lanes * setup->config.batch.lane,
                 (long long)setup->steps, (long long)setup->steps_per_epoch);
    journal_line(journal, "parameters: %lld backbone, %lld classifier, %lld domain head",
                 (long long)setup->backbone_parameters, (long long)setup->classifier_parameters,
                 (long long)setup->domain_parameters);
    if (setup->config.data.exclude_count > 0) {
        char text[EXCLUSION_TOLD];
        exclusion_tell(&setup->excluded, text, sizeof text);
        journal_line(journal, "%s", text);
    }
    for (size_t k = 0; k < setup->datasets; k++) {
        char text[128];
        sampling_text(&setup->sampling[k], text, sizeof text);
        if (setup->sampling[k].kind != CONFIG_SAMPLING_NATURAL) {
            journal_line(journal, "sampling %s: %s", setup->manifests[k].name, text);
        }
    }
    if (setup->identity) {
        journal_line(journal, "identity groups: %llu of the classes share another's row, by %s",
                     (unsigned long long)setup->identity->shared, setup->config.identity.file);
    }
    if (setup->taken[0] != '\0') {
        journal_line(journal, "model.init: class rows of %s are taken from %s", setup->taken,
                     setup->config.model_init);
    }
    if (setup->checkpoint[0] != '\0') {
        journal_line(journal, "going on from %s, step %lld", setup->checkpoint, (long long)setup->start_step);
    }
}

static enum status send_start(struct coordinator *coordinator, struct error *error)
{
    const struct setup *setup = coordinator->setup;
    struct message message = {.kind = MESSAGE_START,
                              .start = {.step = setup->start_step,
                                        .steps = setup->steps,
                                        .steps_per_epoch = setup->steps_per_epoch,
                                        .lanes = setup->lanes,
                                        .skips = setup->start_skips,
                                        .evaluate = setup->start_evaluate}};
    memcpy(message.start.checkpoint, setup->checkpoint, sizeof message.start.checkpoint);
    snprintf(message.start.owner, sizeof message.start.owner, "%s",
             folder_lock_nonce(coordinator->context->lock));
    enum status status = coordinator_send_all(coordinator, &message, error);
    return status == STATUS_OK ? lease_assignment_begin(&coordinator->leases, setup->start_step, error)
                               : status;
}

enum status coordinator_handshake(struct coordinator *coordinator, struct error *error)
{
    const struct setup *setup = coordinator->setup;
    enum status status = check_versions(coordinator, error);
    if (status != STATUS_OK) {
        return status;
    }
    journal_start(coordinator->journal, setup, coordinator->hello);
    announce(coordinator);
    for (size_t i = 0; i < setup->warnings; i++) {
        journal_warn(coordinator->journal, setup->warning[i]);
    }
    status = show_placement(coordinator, error);
    if (status == STATUS_OK) {
        status = send_start(coordinator, error);
    }
    coordinator->started = status == STATUS_OK;
    coordinator->begun = coordinator->saved.settled = clock_monotonic();
    return status;
}
