#include "worker/restore.h"

#include "worker/checkpoint/checkpoint.h"
#include "worker/interchange/state_dict.h"

#include <stdlib.h>
#include <string.h>

/* What every worker has to know of a checkpoint: read by the first, and told to all. */
struct source {
    const char *path;
    struct checkpoint_state state;
    struct identity_groups *there; /* people that shared a row; NULL: not asked for */
    int *
        rows_of; /* [trainer->datasets]: the checkpoint's dataset whose class rows a dataset takes; -1: none */
};

static bool reads(const struct trainer *trainer)
{
    return trainer->exchange->rank == 0;
}

static bool discovers(const struct trainer *trainer)
{
    return trainer->config->identity.unify == CONFIG_UNIFY_DISCOVER;
}

static void show_life(void *context)
{
    const struct trainer_observer *observer = &((const struct trainer *)context)->observer;
    if (observer->phase) {
        observer->phase(observer->context, PHASE_START);
    }
}

static struct checkpoint_progress progress_of(struct trainer *trainer)
{
    return (struct checkpoint_progress){.call = show_life, .context = trainer};
}

static enum status tell(struct trainer *trainer, void *bytes, size_t size, struct error *error)
{
    return trainer->exchange->operations->broadcast(trainer->exchange, bytes, size, error);
}

/* --- What the first worker reads, and all get --- */

/* The groups that every worker has alike. */
static enum status share_groups(struct trainer *trainer, const struct parameter_group *groups, size_t count,
                                struct error *error)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        const struct parameter_group *group = &groups[i];
        if (group->owned_rows) {
            continue;
        }
        status =
            group->count > 0 ? tell(trainer, group->weight, group->count * sizeof(float), error) : STATUS_OK;
        if (status == STATUS_OK && group->momentum && group->count > 0) {
            status = tell(trainer, group->momentum, group->count * sizeof(float), error);
        }
        if (status == STATUS_OK && group->statistics) {
            status = tell(trainer, group->statistics, group->statistic_count * sizeof(float), error);
        }
    }
    return status;
}

/* The datasets of the checkpoint, and which of them each dataset of this run takes its rows from. */
static enum status share_datasets(struct trainer *trainer, struct source *source, struct error *error)
{
    struct checkpoint_state *state = &source->state;
    uint64_t count = state->dataset_count;
    enum status status = tell(trainer, &count, sizeof count, error);
    if (status == STATUS_OK) {
        status = tell(trainer, &state->network.embedding, sizeof state->network.embedding, error);
    }
    if (status == STATUS_OK) {
        status = tell(trainer, source->rows_of, trainer->datasets * sizeof *source->rows_of, error);
    }
    if (status == STATUS_OK && !reads(trainer)) {
        state->dataset_count = (size_t)count;
        state->datasets = calloc((size_t)count + 1, sizeof *state->datasets);
    }
    status = exchange_agree(
        trainer->exchange,
        status == STATUS_OK && !state->datasets ? error_no_memory(error, source->path) : status, error);
    return status == STATUS_OK
               ? tell(trainer, state->datasets, (size_t)count * sizeof *state->datasets, error)
               : status;
}

/* Groups with the homes in `home`, where the checkpoint's reader has them. */
static enum status make_identity(struct source *source, const uint32_t *home, struct error *error)
{
    const struct checkpoint_state *state = &source->state;
    uint32_t *classes = calloc(state->dataset_count + 1, sizeof *classes);
    if (!classes) {
        return error_no_memory(error, source->path);
    }
    for (size_t k = 0; k < state->dataset_count; k++) {
        classes[k] = state->datasets[k].classes;
    }
    enum status status = identity_groups_create(classes, state->dataset_count, &source->there, error);
    free(classes);
    if (status == STATUS_OK && !identity_groups_set(source->there, home)) {
        status = error_set(error, STATUS_INTERNAL, source->path, NULL, "the homes that were told are none");
    }
    return status;
}

/* Who shared a row, where anybody did. */
static enum status share_identity(struct trainer *trainer, struct source *source, struct error *error)
{
    uint64_t shared = source->there ? source->there->shared : 0, all = 0;
    enum status status = tell(trainer, &shared, sizeof shared, error);
    if (status != STATUS_OK || shared == 0) {
        return status;
    }
    for (size_t k = 0; k < source->state.dataset_count; k++) {
        all += source->state.datasets[k].classes;
    }
    uint32_t *home = calloc((size_t)all + 1, sizeof *home);
    if (home && source->there) {
        memcpy(home, source->there->home, (size_t)all * sizeof *home);
    }
    status =
        exchange_agree(trainer->exchange, home ? STATUS_OK : error_no_memory(error, source->path), error);
    if (status == STATUS_OK) {
        status = tell(trainer, home, (size_t)all * sizeof *home, error);
    }
    if (status == STATUS_OK && !reads(trainer)) {
        status = make_identity(source, home, error);
    }
    free(home);
    return status;
}

/* --- A run's own checkpoint --- */

/* The checkpoint's entry for a dataset of this run; -1: it has none. */
static int find_dataset(const struct checkpoint_state *state, const struct manifest *manifest)
{
    for (size_t i = 0; i < state->dataset_count; i++) {
        if (strcmp(state->datasets[i].name, manifest->name) == 0 &&
            state->datasets[i].classes == manifest->classes) {
            return (int)i;
        }
    }
    return -1;
}

static enum status read_all(struct trainer *trainer, struct source *source, struct error *error)
{
    const struct checkpoint_progress progress = progress_of(trainer);
    enum status status = checkpoint_read_state(source->path, &source->state, error);
    for (size_t k = 0; k < trainer->datasets && status == STATUS_OK; k++) {
        const struct manifest *manifest = &trainer->manifests[k];
        source->rows_of[k] = find_dataset(&source->state, manifest);
        if (source->rows_of[k] < 0) {
            status = error_set(error, STATUS_DATA, source->path, "give another checkpoint.resume or run.dir",
                               "the checkpoint has no dataset %s of %u classes", manifest->name,
                               manifest->classes);
        }
    }
    if (status == STATUS_OK && discovers(trainer)) {
        status = checkpoint_read_identity(source->path, &source->state, &source->there, error);
    }
    return status == STATUS_OK
               ? checkpoint_read_model(source->path, trainer->groups, trainer->group_count, &progress, error)
               : status;
}

/* Its own rows of every dataset, with their momenta. */
static enum status read_own_rows(struct trainer *trainer, const struct source *source, struct error *error)
{
    const struct checkpoint_progress progress = progress_of(trainer);
    enum status status = STATUS_OK;
    size_t k = 0;
    for (size_t i = 0; i < trainer->group_count && status == STATUS_OK; i++) {
        if (trainer->groups[i].owned_rows) {
            status = checkpoint_read_classifier(source->path, &source->state.datasets[source->rows_of[k++]],
                                                &trainer->groups[i], &progress, error);
        }
    }
    return status;
}

/* The first worker reads it by `read`; all learn what they need of it. The caller calls close_source in any case. */
static enum status open_source(struct trainer *trainer, const char *path,
                               enum status (*read)(struct trainer *, struct source *, struct error *),
                               struct source *source, struct error *error)
{
    *source = (struct source){.path = path, .rows_of = calloc(trainer->datasets + 1, sizeof(int))};
    enum status status = source->rows_of ? STATUS_OK : error_no_memory(error, path);
    if (status == STATUS_OK && reads(trainer)) {
        status = read(trainer, source, error);
    }
    status = exchange_agree(trainer->exchange, status, error);
    return status == STATUS_OK ? share_datasets(trainer, source, error) : status;
}

static void close_source(struct source *source)
{
    identity_groups_free(source->there);
    checkpoint_state_free(&source->state);
    free(source->rows_of);
}

/* The groups that were discovered up to there. */
static enum status take_groups(struct trainer *trainer, const struct source *source, struct error *error)
{
    if (source->there) {
        identity_groups_set(trainer->identity, source->there->home);
    }
    return exchange_agree(trainer->exchange,
                          classifier_set_groups(trainer->classifier, trainer->identity, error), error);
}

enum status restore_checkpoint(struct trainer *trainer, const char *path, struct error *error)
{
    struct source source;
    enum status status = open_source(trainer, path, read_all, &source, error);
    if (status == STATUS_OK) {
        status = share_groups(trainer, trainer->groups, trainer->group_count, error);
    }
    if (status == STATUS_OK) {
        status = exchange_agree(trainer->exchange, read_own_rows(trainer, &source, error), error);
    }
    if (status == STATUS_OK && discovers(trainer)) {
        status = share_identity(trainer, &source, error);
    }
    if (status == STATUS_OK && discovers(trainer)) {
        status = take_groups(trainer, &source, error);
    }
    iresnet_weights_changed(trainer->net);
    close_source(&source);
    return status;
}

/* --- A checkpoint as the starting point: its backbone, and the class rows of the datasets that are the same --- */

static enum status read_start(struct trainer *trainer, struct source *source, struct error *error)
{
    const struct checkpoint_progress progress = progress_of(trainer);
    struct parameter_group backbone = iresnet_parameter_group(trainer->net);
    enum status status = checkpoint_read_state(source->path, &source->state, error);
    if (status == STATUS_OK) {
        status = checkpoint_read_identity(source->path, &source->state, &source->there, error);
    }
    for (size_t k = 0; k < trainer->datasets && status == STATUS_OK; k++) {
        struct manifest *manifest = &trainer->manifests[k];
        char why[256];
        status = manifest_fingerprint(manifest, manifest->fingerprint, error);
        const struct checkpoint_dataset *rows =
            status == STATUS_OK ? checkpoint_find_rows(&source->state, manifest, why, sizeof why) : NULL;
        source->rows_of[k] = rows ? (int)(rows - source->state.datasets) : -1;
    }
    return status == STATUS_OK ? checkpoint_read_model(source->path, &backbone, 1, &progress, error) : status;
}

/* Gives the classes of dataset k of this run, `old` there, whose rows the checkpoint keeps at dataset `from` what it
 * has for them. */
static enum status take_shared_rows(struct trainer *trainer, size_t k, const struct source *source,
                                    size_t old, size_t from, struct error *error)
{
    const struct checkpoint_progress progress = progress_of(trainer);
    const struct identity_groups *there = source->there;
    const struct checkpoint_dataset *dataset = &source->state.datasets[from];
    const size_t width = (size_t)source->state.network.embedding;
    const struct parameter_group own =
        classifier_parameter_group(trainer->classifier, k, trainer->manifests[k].name);
    const uint32_t *home = there->home + there->first_class[old];
    const uint32_t first = (uint32_t)there->first_class[from];
    uint32_t begin = UINT32_MAX, end = 0; /* of the rows wanted */
    for (uint32_t row = own.rows.begin; row < own.rows.end; row++) {
        if (identity_groups_dataset(there, home[row]) == from) {
            begin = home[row] - first < begin ? home[row] - first : begin;
            end = home[row] - first + 1 > end ? home[row] - first + 1 : end;
        }
    }
    if (begin >= end) {
        return STATUS_OK;
    }
    const struct parameter weight = {.rank = 2, .shape = {end - begin, width}};
    struct parameter_group rows = {.name = dataset->name,
                                   .owned_rows = true,
                                   .parameters = &weight,
                                   .parameter_count = 1,
                                   .weight = calloc((size_t)(end - begin) * width, sizeof(float)),
                                   .rows = {.begin = begin, .end = end, .all = dataset->classes}};
    enum status status = rows.weight
                             ? checkpoint_read_classifier(source->path, dataset, &rows, &progress, error)
                             : error_no_memory(error, source->path);
    for (uint32_t row = own.rows.begin; row < own.rows.end && status == STATUS_OK; row++) {
        if (identity_groups_dataset(there, home[row]) == from) {
            memcpy(own.weight + (size_t)(row - own.rows.begin) * width,
                   rows.weight + (size_t)(home[row] - first - begin) * width, width * sizeof(float));
        }
    }
    free(rows.weight);
    return status;
}

static enum status take_rows(struct trainer *trainer, const struct source *source, struct error *error)
{
    const struct checkpoint_progress progress = progress_of(trainer);
    enum status status = STATUS_OK;
    for (size_t k = 0; k < trainer->datasets && status == STATUS_OK; k++) {
        if (source->rows_of[k] < 0) {
            continue;
        }
        const size_t old = (size_t)source->rows_of[k];
        struct parameter_group rows =
            classifier_parameter_group(trainer->classifier, k, trainer->manifests[k].name);
        rows.centre = rows.loss_centre = NULL; /* of embeddings that this run will not have */
        status =
            checkpoint_read_classifier(source->path, &source->state.datasets[old], &rows, &progress, error);
        /* Homes are never of a later dataset. */
        for (size_t from = 0; from < old && source->there && source->there->shared > 0 && status == STATUS_OK;
             from++) {
            status = take_shared_rows(trainer, k, source, old, from, error);
        }
    }
    return status;
}

static enum status start_from_checkpoint(struct trainer *trainer, const char *path, struct error *error)
{
    struct source source;
    struct parameter_group backbone = iresnet_parameter_group(trainer->net);
    enum status status = open_source(trainer, path, read_start, &source, error);
    if (status == STATUS_OK) {
        status = share_identity(trainer, &source, error);
    }
    if (status == STATUS_OK) {
        status = share_groups(trainer, &backbone, 1, error);
    }
    if (status == STATUS_OK) {
        status = exchange_agree(trainer->exchange, take_rows(trainer, &source, error), error);
    }
    close_source(&source);
    return status;
}

/* A network's file: the first worker reads it, too. */
static enum status start_from_network(struct trainer *trainer, const char *path, struct error *error)
{
    const struct parameter_group backbone = iresnet_parameter_group(trainer->net);
    enum status status = reads(trainer) ? state_dict_read(path, trainer->net, error) : STATUS_OK;
    status = exchange_agree(trainer->exchange, status, error);
    return status == STATUS_OK ? share_groups(trainer, &backbone, 1, error) : status;
}

enum status restore_initial_weights(struct trainer *trainer, struct error *error)
{
    const struct config *config = trainer->config;
    trainer_init_random(trainer);
    enum status status = STATUS_OK;
    if (state_dict_is_meant(config->model_init)) {
        status = start_from_network(trainer, config->model_init, error);
    } else if (strcmp(config->model_init, "random") != 0) {
        status = start_from_checkpoint(trainer, config->model_init, error);
    }
    iresnet_weights_changed(trainer->net);
    return status;
}
