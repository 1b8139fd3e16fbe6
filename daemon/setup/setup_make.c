#include "daemon/setup/setup_make.h"

#include "daemon/setup/resume.h"
#include "proto/file.h"
#include "worker/evaluate/verification.h"
#include "worker/identity_file.h"
#include "worker/interchange/state_dict.h"
#include "worker/loss/domain.h"
#include "worker/nn/iresnet.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Of a value that has changed so many bytes are told at most, of what is the same before them so many. */
#define SETTING_SHOWN 120
#define SETTING_CONTEXT 20
/* Room for ", " and " and 1234567 more". */
#define TAKEN_END 24

enum status setup_check_shard(const struct manifest *manifest, uint32_t i, struct error *error)
{
    const struct manifest_shard *shard = &manifest->shards[i];
    char path[PATH_SIZE];
    struct stat file;
    if (file_join(manifest->directory, shard->file, path, error) != STATUS_OK) {
        return STATUS_DATA;
    }
    if (stat(path, &file) != 0) {
        return error_set(error, STATUS_DATA, path, "copy it there, or pack the dataset again",
                         "dataset %s lacks its shard %u: %s", manifest->name, i, strerror(errno));
    }
    if ((uint64_t)file.st_size != shard->bytes) {
        return error_set(error, STATUS_DATA, path, "copy it again; dail verify finds what else is wrong",
                         "shard %u of dataset %s has %lld bytes where its manifest says %llu", i,
                         manifest->name, (long long)file.st_size, (unsigned long long)shard->bytes);
    }
    return STATUS_OK;
}

/* Images are trained on and verified at the size they were packed in. */
static enum status check_image_size(const struct setup *setup, const char *path, int size,
                                    struct error *error)
{
    if (size == setup->config.model.input) {
        return STATUS_OK;
    }
    return error_set(error, STATUS_USAGE, path, "pack it again with --size, or set model.input",
                     "its images are %d x %d pixels where model.input is %d", size, size,
                     setup->config.model.input);
}

static enum status check_distinct(const struct setup *setup, size_t k, struct error *error)
{
    const struct manifest *manifest = &setup->manifests[k];
    for (size_t i = 0; i < k; i++) {
        const struct manifest *other = &setup->manifests[i];
        if (strcmp(other->name, manifest->name) == 0) {
            return error_set(error, STATUS_USAGE, manifest->path,
                             "list every dataset once; pack one of two that share a name with another --name",
                             "datasets %zu and %zu of the configuration are both %s: %s has the first", i + 1,
                             k + 1, manifest->name, other->path);
        }
    }
    return STATUS_OK;
}

static enum status make_room(struct setup *setup, struct error *error)
{
    size_t count = setup->config.data.dataset_count;
    setup->manifests = calloc(count + 1, sizeof *setup->manifests);
    setup->classes = calloc(count + 1, sizeof *setup->classes);
    setup->sampling = calloc(count + 1, sizeof *setup->sampling);
    setup->set_names = calloc(setup->config.validation.count + 1, sizeof *setup->set_names);
    return setup->manifests && setup->classes && setup->sampling && setup->set_names
               ? STATUS_OK
               : error_no_memory(error, "coordinator");
}

enum status setup_read_config(const char *path, const char *const *overrides, size_t override_count,
                              int workers, struct setup *setup, struct error *error)
{
    *setup = (struct setup){.workers = workers};
    enum status status = config_load(path, overrides, override_count, &setup->config, error);
    return status == STATUS_OK ? make_room(setup, error) : status;
}

enum status setup_open_dataset(struct setup *setup, const char *path, struct error *error)
{
    const size_t k = setup->datasets;
    struct manifest *manifest = &setup->manifests[k];
    enum status status = manifest_open(path, manifest, error);
    if (status != STATUS_OK) {
        return status;
    }
    setup->datasets = k + 1;
    setup->classes[k] = manifest->classes;
    setup->images += (int64_t)manifest->images;
    setup->classifier_parameters += (int64_t)manifest->classes * setup->config.model.embedding;
    if (manifest->classes == 1 && setup->config.loss.scope == CONFIG_SCOPE_DATASET) {
        setup_warn(
            setup,
            "dataset %s has one class: with loss.scope dataset its images have nobody to be told from, and "
            "teach the network only its domain; pack folders of people, not the folder of one",
            manifest->name);
    }
    status = check_distinct(setup, k, error);
    return status == STATUS_OK ? check_image_size(setup, manifest->path, manifest->image_size, error)
                               : status;
}

enum status setup_fingerprint(struct setup *setup, size_t k, struct error *error)
{
    struct manifest *manifest = &setup->manifests[k];
    return manifest_fingerprint(manifest, manifest->fingerprint, error);
}

enum status setup_open_sampling(struct setup *setup, size_t k, struct error *error)
{
    int cap;
    const enum config_sampling kind = config_sampling_of(&setup->config, k, &cap);
    enum status status =
        sampling_open(&setup->manifests[k], kind, (uint32_t)cap, (uint32_t)k, &setup->sampling[k], error);
    if (status == STATUS_OK) {
        setup->images += (int64_t)setup->sampling[k].epoch_images - (int64_t)setup->sampling[k].images;
    }
    return status;
}

static enum status open_datasets(struct setup *setup, struct error *error)
{
    enum status status = STATUS_OK;
    for (size_t k = 0; k < setup->config.data.dataset_count && status == STATUS_OK; k++) {
        status = setup_open_dataset(setup, setup->config.data.datasets[k].manifest, error);
        if (status == STATUS_OK) {
            status = setup_fingerprint(setup, k, error);
        }
        for (uint32_t i = 0; status == STATUS_OK && i < setup->manifests[k].shard_count; i++) {
            status = setup_check_shard(&setup->manifests[k], i, error);
        }
    }
    return status;
}

enum status setup_exclude(struct setup *setup, struct error *error)
{
    const enum status status = exclusion_apply(setup->config.data.exclude, setup->config.data.exclude_count,
                                               setup->manifests, setup->datasets, &setup->excluded, error);
    if (status != STATUS_OK) {
        error_prefix_where(error, "data.exclude");
        return status;
    }
    setup->images -= (int64_t)setup->excluded.images;
    for (size_t k = 0; k < setup->datasets; k++) {
        exclusion_mark(&setup->manifests[k]);
    }
    return STATUS_OK;
}

/* A set's scores are told under its name. */
static enum status check_distinct_set(struct setup *setup, const struct pairs *pairs, struct error *error)
{
    for (size_t i = 0; i < setup->sets; i++) {
        if (strcmp(setup->set_names[i], pairs->name) == 0) {
            return error_set(error, STATUS_USAGE, pairs->path,
                             "name every set once; pack one of them again with another --name",
                             "two validation sets are called %s", pairs->name);
        }
    }
    snprintf(setup->set_names[setup->sets++], sizeof setup->set_names[0], "%s", pairs->name);
    return STATUS_OK;
}

enum status setup_open_pairs(struct setup *setup, const char *path, struct pairs *pairs, struct error *error)
{
    enum status status = pairs_open(path, pairs, error);
    if (status != STATUS_OK) {
        return status;
    }
    status = check_distinct_set(setup, pairs, error);
    if (status == STATUS_OK) {
        status = check_image_size(setup, pairs->path, pairs->image_size, error);
    }
    if (status == STATUS_OK) {
        status = verification_check(pairs->same, pairs->fold, pairs->count, error);
        if (status != STATUS_OK) {
            error_prefix_where(error, path);
        }
    }
    if (status != STATUS_OK) {
        pairs_close(pairs);
    }
    return status;
}

enum status setup_check_identity(struct setup *setup, struct error *error)
{
    const struct config *config = &setup->config;
    struct identity_file_counts counts;
    if (config->identity.unify != CONFIG_UNIFY_FILE || strcmp(config->identity.file, "none") == 0) {
        return STATUS_OK;
    }
    enum status status =
        identity_file_open(config->identity.file, setup->manifests, setup->datasets,
                           config->identity.min_probability, &setup->identity, &counts, error);
    if (status != STATUS_OK) {
        error_prefix_where(error, "identity.file");
        return status;
    }
    if (counts.lost > 0) {
        setup_warn(setup,
                   "identity.file: %zu of its pairs were left out, for a likelier or a rejected pair stands "
                   "against them",
                   counts.lost);
    }
    if (setup->identity->shared == 0) {
        setup_warn(
            setup,
            "identity.file: none of its %zu likely pairs joins two datasets, so every class has a row of "
            "its own",
            counts.pairs);
    }
    return STATUS_OK;
}

static enum status check_validation(struct setup *setup, struct error *error)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < setup->config.validation.count && status == STATUS_OK; i++) {
        struct pairs pairs;
        status = setup_open_pairs(setup, setup->config.validation.paths[i], &pairs, error);
        if (status == STATUS_OK) {
            pairs_close(&pairs);
        }
    }
    return status;
}

static struct iresnet_config smallest_network(const struct config *config)
{
    return (struct iresnet_config){.network = config->model, .batch_max = 1, .threads = 1};
}

enum status setup_check_model(struct setup *setup, struct error *error)
{
    const struct config *config = &setup->config;
    const struct iresnet_config net_config = smallest_network(config);
    struct iresnet *net;
    enum status status = iresnet_create(&net_config, &net, error);
    if (status != STATUS_OK) {
        return status;
    }
    setup->backbone_parameters = (int64_t)iresnet_parameter_count(net);
    iresnet_free(net);
    int64_t inputs = config->model.embedding;
    for (size_t i = 0; i <= config->domain.hidden_count; i++) {
        int64_t outputs =
            i < config->domain.hidden_count ? config->domain.hidden[i] : (int64_t)setup->datasets;
        setup->domain_parameters += (inputs + 1) * outputs;
        inputs = outputs;
    }
    return STATUS_OK;
}

/* Whose class rows a checkpoint gives. */
static void choose_init_rows(struct setup *setup, const struct checkpoint_state *state)
{
    size_t used = 0, left = 0;
    char why[256];
    for (size_t k = 0; k < setup->datasets; k++) {
        const struct manifest *manifest = &setup->manifests[k];
        if (!checkpoint_find_rows(state, manifest, why, sizeof why)) {
            setup_warn(setup, "model.init: the class rows of %s begin anew: the checkpoint's are others, %s",
                       manifest->name, why);
        } else if (used + strlen(manifest->name) + TAKEN_END < sizeof setup->taken) {
            used += (size_t)snprintf(setup->taken + used, sizeof setup->taken - used, "%s%s",
                                     used > 0 ? ", " : "", manifest->name);
        } else {
            left++;
        }
    }
    if (left > 0) {
        snprintf(setup->taken + used, sizeof setup->taken - used, " and %zu more", left);
    }
}

static enum status check_init_checkpoint(struct setup *setup, const char *init, struct error *error)
{
    struct checkpoint_state state = {0};
    enum status status = setup_verify(setup, init, error);
    if (status == STATUS_OK) {
        status = checkpoint_read_state(init, &state, error);
    }
    if (status == STATUS_OK) {
        status = resume_check_backbone(&setup->config, &state, init, error);
    }
    if (status == STATUS_OK) {
        choose_init_rows(setup, &state);
    }
    checkpoint_state_free(&state);
    return status;
}

enum status setup_check_init(struct setup *setup, struct error *error)
{
    const char *init = setup->config.model_init;
    if (setup->checkpoint[0] != '\0' || strcmp(init, "random") == 0) {
        return STATUS_OK;
    }
    const struct iresnet_config net_config = smallest_network(&setup->config);
    struct state_dict_note note = {0};
    enum status status = state_dict_is_meant(init) ? state_dict_check(init, &net_config, &note, error)
                                                   : check_init_checkpoint(setup, init, error);
    if (status != STATUS_OK) {
        error_prefix_where(error, "model.init");
    }
    for (int i = 0; i < 2 && status == STATUS_OK; i++) {
        const char *text = i == 0 ? note.names : note.folded;
        if (text[0] != '\0') {
            setup_warn(setup, "model.init %.150s: %s", init, text);
        }
    }
    return status;
}

static enum status check_lanes(const struct setup *setup, struct error *error)
{
    if (setup->workers <= setup->lanes) {
        return STATUS_OK;
    }
    return error_set(error, STATUS_USAGE, "data.lanes",
                     "start mpirun -n with at most one more rank than lanes (rank 0 is the coordinator), or, "
                     "before the run "
                     "begins, raise data.lanes",
                     "%d workers cannot share %d lanes: each has one at least", setup->workers, setup->lanes);
}

enum status setup_count_steps(struct setup *setup, int checkpoint_lanes, struct error *error)
{
    struct config *config = &setup->config;
    if (checkpoint_lanes > 0 && config->data.lanes > 0 && config->data.lanes != checkpoint_lanes) {
        return error_set(error, STATUS_USAGE, setup->checkpoint,
                         "set data.lanes back, or checkpoint.resume=never and another run.dir",
                         "data.lanes is %d, but the run began with %d lanes, which are fixed for its life",
                         config->data.lanes, checkpoint_lanes);
    }
    setup->lanes = config->data.lanes > 0 ? config->data.lanes : setup->workers;
    setup->lanes = checkpoint_lanes > 0 ? checkpoint_lanes : setup->lanes;
    config->data.lanes = setup->lanes;
    enum status status = check_lanes(setup, error);
    if (status != STATUS_OK) {
        return status;
    }
    int64_t global_batch = (int64_t)setup->lanes * config->batch.lane;
    setup->steps_per_epoch = setup->images / global_batch;
    if (setup->steps_per_epoch == 0) {
        return error_set(error, STATUS_USAGE, "data.datasets", "lower batch.lane or data.lanes",
                         "%lld images do not fill one step of %d lanes x %d images", (long long)setup->images,
                         setup->lanes, config->batch.lane);
    }
    setup->steps = llround(config->schedule.epochs * (double)setup->steps_per_epoch);
    if (setup->steps <= 0) {
        return error_set(error, STATUS_USAGE, "schedule.epochs", "raise schedule.epochs",
                         "%g epochs of %lld steps are no step at all", config->schedule.epochs,
                         (long long)setup->steps_per_epoch);
    }
    return STATUS_OK;
}

/* Of a value that is long only the beginning is told, from shortly before where it differs. */
static const char *shorten(const char *value, size_t same, char *text, size_t size)
{
    if (!value) {
        return "not told";
    }
    const size_t skipped =
        same > SETTING_CONTEXT && strlen(value) > SETTING_SHOWN ? same - SETTING_CONTEXT : 0;
    const size_t left = strlen(value) - skipped;
    snprintf(text, size, "%s%.*s%s", skipped > 0 ? "..." : "", SETTING_SHOWN, value + skipped,
             left > SETTING_SHOWN ? "..." : "");
    return text;
}

static void warn_of_change(void *context, const char *key, const char *before, const char *now)
{
    char old[SETTING_SHOWN + 8], new[SETTING_SHOWN + 8];
    size_t same = 0;
    while (before && now && before[same] == now[same] && now[same] != '\0') {
        same++;
    }
    setup_warn(context, "%s is %s and was %s at the checkpoint: training goes on with the new value", key,
               shorten(now, same, new, sizeof new), shorten(before, same, old, sizeof old));
}

enum status setup_compare(struct setup *setup, const struct checkpoint_state *state, struct error *error)
{
    config_digest(&setup->config, setup->digest);
    setup->settings = config_settings(&setup->config);
    if (!setup->settings) {
        return error_no_memory(error, "coordinator");
    }
    if (setup->checkpoint[0] == '\0') {
        return STATUS_OK;
    }
    if (strcmp(state->digest, setup->digest) != 0 && state->settings) {
        config_compare(state->settings, setup->settings, warn_of_change, setup);
    } else if (strcmp(state->digest, setup->digest) != 0) {
        setup_warn(
            setup,
            "the configuration has changed since the checkpoint, which does not tell in what: digest %s "
            "was %s; training goes on with the new one",
            setup->digest, state->digest);
    }
    if (state->steps_per_epoch != setup->steps_per_epoch) {
        setup_warn(
            setup,
            "an epoch has %lld steps and had %lld at the checkpoint: epochs are counted anew from step "
            "%lld on",
            (long long)setup->steps_per_epoch, (long long)state->steps_per_epoch,
            (long long)setup->start_step);
    }
    return STATUS_OK;
}

enum status setup_make(const char *config_path, const char *const *overrides, size_t override_count,
                       int workers, struct setup *setup, struct error *error)
{
    enum status status = setup_read_config(config_path, overrides, override_count, workers, setup, error);
    if (status == STATUS_OK) {
        status = open_datasets(setup, error);
    }
    if (status == STATUS_OK) {
        status = setup_exclude(setup, error);
    }
    for (size_t k = 0; k < setup->datasets && status == STATUS_OK; k++) {
        status = setup_open_sampling(setup, k, error);
    }
    if (status == STATUS_OK) {
        status = setup_check_identity(setup, error);
    }
    if (status == STATUS_OK) {
        status = check_validation(setup, error);
    }
    if (status == STATUS_OK) {
        status = setup_check_model(setup, error);
    }
    return status;
}

enum status setup_place(struct setup *setup, struct error *error)
{
    struct checkpoint_state state = {0};
    enum status status = resume_decide(setup, &state, error);
    if (status == STATUS_OK) {
        status = resume_check_identity(setup, &state, error);
    }
    if (status == STATUS_OK) {
        status = setup_count_steps(setup, state.lanes, error);
    }
    if (status == STATUS_OK) {
        status = setup_check_init(setup, error);
    }
    if (status == STATUS_OK) {
        setup->text = config_format(&setup->config, false);
        status = setup->text ? STATUS_OK : error_no_memory(error, "coordinator");
    }
    if (status == STATUS_OK) {
        status = setup_compare(setup, &state, error);
    }
    checkpoint_state_free(&state);
    return status;
}
