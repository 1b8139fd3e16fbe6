#include "worker/trainer.h"

#include "proto/clock.h"
#include "proto/random.h"
#include "worker/discovery/discovery.h"
#include "worker/exchange/lane_share.h"
#include "worker/identity_file.h"
#include "worker/loader/exclusion_share.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Micro-batches that the loader keeps ready ahead of each lane. */
#define TRAINER_LOADER_DEPTH 2
/* A file that has not answered for so many times liveness_seconds is tried again, and then given up. */
#define READ_PATIENCE 2
/* Images used to measure the network's speed: enough to fill the kernels' blocks, few enough to be quick. */
#define TRAINER_MEASURE_IMAGES 16

/* The order of the groups: that of the arrays in checkpoints and traces. Behind the class rows comes what the margin has. */
enum { BACKBONE_GROUP, DOMAIN_GROUP, CLASS_GROUPS };

static enum status open_datasets(struct trainer *trainer, struct error *error)
{
    const struct config *config = trainer->config;
    size_t count = config->data.dataset_count;
    trainer->manifests = calloc(count, sizeof *trainer->manifests);
    trainer->classes = calloc(count, sizeof *trainer->classes);
    trainer->dataset_weight = calloc(count, sizeof *trainer->dataset_weight);
    trainer->domain_weight = calloc(count, sizeof *trainer->domain_weight);
    trainer->augment = calloc(count, sizeof *trainer->augment);
    if (!trainer->manifests || !trainer->classes || !trainer->dataset_weight || !trainer->domain_weight ||
        !trainer->augment) {
        return error_no_memory(error, "worker");
    }
    double images = 0;
    for (size_t k = 0; k < count; k++) {
        enum status opened = manifest_open(config->data.datasets[k].manifest, &trainer->manifests[k], error);
        if (opened != STATUS_OK) {
            return opened;
        }
        trainer->datasets = k + 1;
        trainer->classes[k] = trainer->manifests[k].classes;
        trainer->dataset_weight[k] = config->data.datasets[k].weight;
        config_augment_of(config, k, &trainer->augment[k]);
    }
    enum status status = exclusion_share(config->data.exclude, config->data.exclude_count, trainer->manifests,
                                         count, trainer->exchange, error);
    if (status != STATUS_OK) {
        return status;
    }
    for (size_t k = 0; k < count; k++) {
        images += (double)manifest_kept(&trainer->manifests[k]);
    }
    for (size_t k = 0; k < count; k++) {
        double share = (double)manifest_kept(&trainer->manifests[k]) / images;
        double balance = config->domain.balance ? 1.0 / (share * (double)count) : 1.0;
        trainer->domain_weight[k] = trainer->dataset_weight[k] * balance;
    }
    return STATUS_OK;
}

static enum status invent_datasets(struct trainer *trainer, const uint32_t *classes, size_t count,
                                   struct error *error)
{
    trainer->manifests = calloc(count, sizeof *trainer->manifests);
    trainer->classes = calloc(count, sizeof *trainer->classes);
    trainer->dataset_weight = calloc(count, sizeof *trainer->dataset_weight);
    trainer->domain_weight = calloc(count, sizeof *trainer->domain_weight);
    if (!trainer->manifests || !trainer->classes || !trainer->dataset_weight || !trainer->domain_weight) {
        return error_no_memory(error, "worker");
    }
    trainer->datasets = count;
    for (size_t k = 0; k < count; k++) {
        snprintf(trainer->manifests[k].name, sizeof trainer->manifests[k].name, "noise%zu", k);
        trainer->manifests[k].classes = classes[k];
        trainer->manifests[k].images = classes[k];
        trainer->classes[k] = classes[k];
        trainer->dataset_weight[k] = 1;
        trainer->domain_weight[k] = 1;
    }
    return STATUS_OK;
}

static enum iresnet_kernels kernels_of(enum config_kernels kernels)
{
    switch (kernels) {
    case CONFIG_KERNELS_GEMM:
        return IRESNET_KERNELS_GEMM;
    case CONFIG_KERNELS_REFERENCE:
        return IRESNET_KERNELS_REFERENCE;
    case CONFIG_KERNELS_FAST:
        break;
    }
    return IRESNET_KERNELS_FAST;
}

/* Of this worker, so far as the configuration tells: a run that left their number open takes it from its
 * first start. */
static int lanes_expected(const struct trainer *trainer)
{
    int lanes = trainer->config->data.lanes, workers = trainer->exchange->size;
    return lanes > workers ? lane_share_rounds(lanes, workers) : 1;
}

static enum status create_backbone(struct trainer *trainer, int threads, struct error *error)
{
    const struct config *config = trainer->config;
    struct iresnet_config net = {.network = config->model,
                                 .batch_max = config->batch.lane,
                                 .threads = threads,
                                 .micro_batches = lanes_expected(trainer),
                                 .train = true,
                                 .recompute = config->runtime.recompute == CONFIG_RECOMPUTE_BLOCKS,
                                 .kernels = kernels_of(config->debug.kernels)};
    return iresnet_create(&net, &trainer->net, error);
}

static enum status create_losses(struct trainer *trainer, int threads, struct error *error)
{
    const struct config *config = trainer->config;
    struct classifier_config classifier = {.embedding = config->model.embedding,
                                           .datasets = trainer->datasets,
                                           .classes = trainer->classes,
                                           .weight = trainer->dataset_weight,
                                           .rows_min = (uint32_t)config->classifier.rows_min,
                                           .margin = config->loss.margin,
                                           .scale = config->loss.scale,
                                           .scope_all = config->loss.scope == CONFIG_SCOPE_ALL,
                                           .crossing_dropout = config->loss.crossing_dropout,
                                           .filter = config->loss.filter,
                                           .center = config->loss.center,
                                           .center_rate = config->loss.center_rate,
                                           .sample = config->classifier.sample,
                                           .step_max = (size_t)lanes_expected(trainer) *
                                                       (size_t)trainer->exchange->size *
                                                       (size_t)config->batch.lane,
                                           .centres = config->identity.unify == CONFIG_UNIFY_DISCOVER,
                                           .seed = config->run.seed,
                                           .round_max = trainer->exchange->size * config->batch.lane,
                                           .threads = threads};
    enum status status = classifier_create(&classifier, trainer->exchange, &trainer->classifier, error);
    if (status == STATUS_OK) {
        status = classifier_set_groups(trainer->classifier, trainer->identity, error);
    }
    if (status != STATUS_OK) {
        return status;
    }
    struct domain_config domain = {.embedding = config->model.embedding,
                                   .datasets = (int)trainer->datasets,
                                   .hidden = config->domain.hidden,
                                   .hidden_count = config->domain.hidden_count,
                                   .weight = trainer->domain_weight,
                                   .batch_max = config->batch.lane};
    return domain_create(&domain, &trainer->domain, error);
}

static enum status create_groups(struct trainer *trainer, struct error *error)
{
    const struct parameter_group margin = classifier_margin_group(trainer->classifier);
    trainer->groups = calloc(CLASS_GROUPS + trainer->datasets + 1, sizeof *trainer->groups);
    if (!trainer->groups) {
        return error_no_memory(error, "worker");
    }
    trainer->group_count = CLASS_GROUPS + trainer->datasets;
    trainer->groups[BACKBONE_GROUP] = iresnet_parameter_group(trainer->net);
    trainer->groups[DOMAIN_GROUP] = domain_parameter_group(trainer->domain);
    for (size_t k = 0; k < trainer->datasets; k++) {
        trainer->groups[CLASS_GROUPS + k] =
            classifier_parameter_group(trainer->classifier, k, trainer->manifests[k].name);
    }
    if (margin.parameter_count > 0) {
        trainer->groups[trainer->group_count++] = margin;
    }
    for (size_t i = 0; i < trainer->group_count; i++) {
        struct parameter_group *group = &trainer->groups[i];
        if (!parameter_group_is_valid(group)) {
            return error_set(error, STATUS_INTERNAL, group->name, "report this",
                             "parameters and vectors do not fit together");
        }
        if (!parameter_group_add_momentum(group)) {
            return error_no_memory(error, "worker");
        }
    }
    return STATUS_OK;
}

static enum status create_buffers(struct trainer *trainer, struct error *error)
{
    const struct config *config = trainer->config;
    size_t batch = (size_t)config->batch.lane;
    size_t values = batch * (size_t)config->model.embedding;
    size_t side = (size_t)config->model.input;
    trainer->embedding = calloc(values, sizeof(float));
    trainer->grad_embedding = calloc(values, sizeof(float));
    trainer->empty_image = calloc(batch * side * side * 3, sizeof(float));
    trainer->empty_sample = calloc(batch, sizeof *trainer->empty_sample);
    trainer->absent_sample = calloc(batch, sizeof *trainer->absent_sample);
    trainer->blamed = calloc((size_t)trainer->exchange->size, sizeof *trainer->blamed);
    if (config->model.dropout > 0) {
        trainer->dropout_mask = calloc(batch * iresnet_dropout_count(trainer->net), sizeof(float));
        if (!trainer->dropout_mask) {
            return error_no_memory(error, "worker");
        }
    }
    if (!trainer->embedding || !trainer->grad_embedding || !trainer->empty_image || !trainer->empty_sample ||
        !trainer->absent_sample || !trainer->blamed) {
        return error_no_memory(error, "worker");
    }
    for (size_t i = 0; i < batch; i++) {
        trainer->absent_sample[i].dataset = SAMPLE_ABSENT;
    }
    bool rounded = config->runtime.exchange_precision == CONFIG_PRECISION_BF16;
    trainer->exchange->threads = trainer->threads;
    trainer->exchange->own_sums = rounded || config->runtime.exchange == CONFIG_EXCHANGE_OWN ||
                                  (config->runtime.exchange == CONFIG_EXCHANGE_AUTO &&
                                   sum_levels_are_small(&trainer->exchange->levels));
    if (rounded && trainer->exchange->size > 1) {
        trainer->residual = calloc(iresnet_weight_count(trainer->net), sizeof *trainer->residual);
        if (!trainer->residual) {
            return error_no_memory(error, "worker");
        }
    }
    buckets_init(&trainer->buckets, trainer->exchange, iresnet_gradient(trainer->net), trainer->residual,
                 iresnet_weight_count(trainer->net), (size_t)(config->runtime.bucket_mb * 1024 * 1024));
    return STATUS_OK;
}

static enum status create_model(struct trainer *trainer, struct error *error)
{
    enum status status = create_backbone(trainer, trainer->threads, error);
    if (status == STATUS_OK) {
        status = create_losses(trainer, trainer->threads, error);
    }
    if (status == STATUS_OK) {
        status = create_groups(trainer, error);
    }
    return status == STATUS_OK ? create_buffers(trainer, error) : status;
}

/* The classes that the configuration says are one person; nobody yet where they are to be discovered. */
static enum status open_identity(struct trainer *trainer, struct error *error)
{
    const struct config *config = trainer->config;
    struct identity_file_counts counts;
    if (config->identity.unify == CONFIG_UNIFY_DISCOVER) {
        return identity_groups_create(trainer->classes, trainer->datasets, &trainer->identity, error);
    }
    if (config->identity.unify == CONFIG_UNIFY_NONE || strcmp(config->identity.file, "none") == 0) {
        return STATUS_OK;
    }
    return identity_file_open(config->identity.file, trainer->manifests, trainer->datasets,
                              config->identity.min_probability, &trainer->identity, &counts, error);
}

enum status trainer_create(struct trainer *trainer, const struct config *config, struct exchange *exchange,
                           int threads, struct error *error)
{
    *trainer = (struct trainer){.config = config, .exchange = exchange, .threads = threads, .owner = ""};
    enum status status = open_datasets(trainer, error);
    if (status == STATUS_OK) {
        status = open_identity(trainer, error);
    }
    return status == STATUS_OK ? create_model(trainer, error) : status;
}

enum status trainer_create_without_data(struct trainer *trainer, const struct config *config,
                                        struct exchange *exchange, int threads, const uint32_t *classes,
                                        size_t datasets, struct error *error)
{
    *trainer = (struct trainer){.config = config, .exchange = exchange, .threads = threads, .owner = ""};
    enum status status = invent_datasets(trainer, classes, datasets, error);
    return status == STATUS_OK ? create_model(trainer, error) : status;
}

void trainer_free(struct trainer *trainer)
{
    bool alone = loader_free(trainer->loader);
    for (size_t i = 0; i < trainer->group_count; i++) {
        parameter_group_free_momentum(&trainer->groups[i]);
    }
    if (trainer->classifier) {
        classifier_free(trainer->classifier);
    }
    identity_groups_free(trainer->identity);
    if (trainer->domain) {
        domain_free(trainer->domain);
    }
    if (trainer->net) {
        iresnet_free(trainer->net);
    }
    for (size_t k = 0; k < trainer->datasets && alone; k++) {
        manifest_close(&trainer->manifests[k]);
    }
    if (alone) {
        free(trainer->manifests);
    }
    free(trainer->classes);
    free(trainer->dataset_weight);
    free(trainer->augment);
    free(trainer->domain_weight);
    free(trainer->groups);
    free(trainer->embedding);
    free(trainer->grad_embedding);
    free(trainer->dropout_mask);
    free(trainer->empty_image);
    free(trainer->empty_sample);
    free(trainer->absent_sample);
    free(trainer->ahead);
    free(trainer->ahead_sample);
    free(trainer->residual);
    free(trainer->blamed);
    *trainer = (struct trainer){0};
}

void trainer_init_random(struct trainer *trainer)
{
    iresnet_init(trainer->net, trainer->config->run.seed);
    domain_init(trainer->domain, trainer->config->run.seed);
    classifier_init(trainer->classifier);
    iresnet_weights_changed(trainer->net);
}

void trainer_forget_residual(struct trainer *trainer)
{
    if (trainer->residual) {
        memset(trainer->residual, 0, iresnet_weight_count(trainer->net) * sizeof *trainer->residual);
    }
}

void trainer_observe(struct trainer *trainer, const struct trainer_observer *observer)
{
    trainer->observer = *observer;
    trainer->buckets.started = observer->sum;
    trainer->buckets.started_context = observer->context;
}

const struct parameter_group *trainer_class_rows(const struct trainer *trainer)
{
    return trainer->groups + CLASS_GROUPS;
}

static enum status take_plan(struct trainer *trainer, int lanes, int64_t steps, int64_t steps_per_epoch,
                             struct error *error)
{
    size_t rounds = (size_t)lane_share_rounds(lanes, trainer->exchange->size);
    size_t samples = rounds * (size_t)trainer->config->batch.lane;
    trainer->lanes = lanes;
    trainer->own_lanes = lane_share_count(lanes, trainer->exchange->size, trainer->exchange->rank);
    trainer->first_lane = lane_share_first(lanes, trainer->exchange->size, trainer->exchange->rank);
    trainer->global_batch = (int64_t)lanes * trainer->config->batch.lane;
    trainer->steps = steps;
    trainer->steps_per_epoch = steps_per_epoch;
    if (trainer->config->classifier.sample >= 1) {
        return STATUS_OK;
    }
    trainer->ahead = calloc(rounds, sizeof *trainer->ahead);
    trainer->ahead_sample = calloc(samples, sizeof *trainer->ahead_sample);
    if (!trainer->ahead || !trainer->ahead_sample) {
        return error_no_memory(error, "worker");
    }
    return classifier_reserve(trainer->classifier, samples * (size_t)trainer->exchange->size, error);
}

enum status trainer_start(struct trainer *trainer, int lanes, int64_t steps, int64_t steps_per_epoch,
                          struct error *error)
{
    const struct config *config = trainer->config;
    enum status status = take_plan(trainer, lanes, steps, steps_per_epoch, error);
    if (status != STATUS_OK) {
        return status;
    }
    struct loader_config loader = {.manifests = trainer->manifests,
                                   .datasets = trainer->datasets,
                                   .seed = config->run.seed,
                                   .side = config->model.input,
                                   .batch = config->batch.lane,
                                   .augment = trainer->augment,
                                   .first_lane = trainer->first_lane,
                                   .lanes = trainer->own_lanes,
                                   .depth = TRAINER_LOADER_DEPTH,
                                   .leave_out = config->data.bad_images > 0,
                                   .limit_seconds = READ_PATIENCE * config->runtime.liveness_seconds};
    return loader_create(&loader, &trainer->loader, error);
}

/* Uniform in [-1, 1), as pixels are. */
static void fill_with_noise(struct trainer *trainer, size_t images)
{
    size_t side = (size_t)trainer->config->model.input;
    struct random random = random_stream(trainer->config->run.seed, RANDOM_AUGMENT, 0, 0);
    for (size_t i = 0; i < images * side * side * 3; i++) {
        trainer->empty_image[i] = 2 * random_uniform(&random) - 1;
    }
}

enum status trainer_start_on_noise(struct trainer *trainer, int lanes, int64_t steps, struct error *error)
{
    int batch = trainer->config->batch.lane;
    double images = 0;
    enum status status = take_plan(trainer, lanes, steps, steps, error);
    fill_with_noise(trainer, (size_t)batch);
    for (size_t k = 0; k < trainer->datasets; k++) {
        images += (double)trainer->manifests[k].images;
    }
    size_t dataset = 0;
    double end = (double)trainer->manifests[0].images; /* of the dataset's part of all images */
    for (int i = 0; i < batch; i++) {
        while (dataset + 1 < trainer->datasets && (i + 0.5) * images >= end * batch) {
            end += (double)trainer->manifests[++dataset].images;
        }
        uint64_t number = (uint64_t)(trainer->exchange->rank * batch + i);
        struct random random = random_stream(trainer->config->run.seed, RANDOM_AUGMENT, 1, number);
        double place = (double)random_uniform(&random);
        trainer->empty_sample[i] = (struct sample){.dataset = (uint32_t)dataset,
                                                   .label = (uint32_t)(place * trainer->classes[dataset]),
                                                   .id = sample_id((uint32_t)dataset, number)};
    }
    return status;
}

int64_t trainer_memory_bytes(const struct trainer *trainer)
{
    const struct config *config = trainer->config;
    int64_t side = config->model.input;
    int64_t micro_batch = config->batch.lane * side * side * 3 * (int64_t)sizeof(float);
    int64_t queue = micro_batch * lanes_expected(trainer) * TRAINER_LOADER_DEPTH;
    size_t values = 2 * trainer->groups[DOMAIN_GROUP].count; /* its weights and gradient */
    values += trainer->residual ? iresnet_weight_count(trainer->net) : 0;
    int64_t discovery = 0;
    for (size_t i = 0; i < trainer->group_count; i++) {
        values += trainer->groups[i].count;
    }
    if (config->identity.unify == CONFIG_UNIFY_DISCOVER && trainer->identity) {
        discovery = discovery_memory_bytes(trainer_class_rows(trainer), trainer->datasets,
                                           trainer->identity->first_class[trainer->datasets],
                                           trainer->exchange->rank == 0);
    }
    return (int64_t)iresnet_memory_bytes(trainer->net) +
           (int64_t)classifier_memory_bytes(trainer->classifier) + queue + micro_batch + discovery +
           (int64_t)(sizeof(float) * values);
}

double trainer_measure(struct trainer *trainer)
{
    const struct config *config = trainer->config;
    int batch = config->batch.lane < TRAINER_MEASURE_IMAGES ? config->batch.lane : TRAINER_MEASURE_IMAGES;
    size_t side = (size_t)config->model.input;
    size_t count = (size_t)batch * side * side * 3;
    struct random random = random_stream(config->run.seed, RANDOM_AUGMENT, 1, 0);
    fill_with_noise(trainer, (size_t)batch);
    for (size_t i = 0; i < (size_t)batch * (size_t)config->model.embedding; i++) {
        trainer->grad_embedding[i] = random_uniform(&random) - 0.5f;
    }
    iresnet_init(trainer->net, config->run.seed);
    iresnet_weights_changed(trainer->net);
    double seconds = 0;
    for (int pass = 0; pass < 2; pass++) { /* the first one only touches memory */
        double begin = clock_monotonic();
        iresnet_forward(trainer->net, batch, trainer->empty_image, NULL, trainer->embedding, NULL);
        iresnet_backward(trainer->net, batch, trainer->grad_embedding, NULL);
        seconds = clock_monotonic() - begin;
    }
    iresnet_zero_gradient(trainer->net);
    memset(trainer->empty_image, 0, count * sizeof(float));
    return seconds / batch;
}
