#include "worker/loss/classifier.h"

#include "proto/random.h"
#include "worker/loss/center_loss.h"
#include "worker/loss/classifier_delivery.h"
#include "worker/loss/classifier_drawn.h"

#include <cblas.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INITIAL_DEVIATION 0.01f

/* Memory of the classifier, counted; never NULL but when it runs out. */
static void *take(struct classifier *classifier, size_t count, size_t size)
{
    classifier->bytes += count * size;
    return calloc(count > 0 ? count : 1, size);
}

/* The same in place of what was there. */
static void *take_again(struct classifier *classifier, void *old, size_t old_count, size_t count, size_t size)
{
    classifier->bytes -= old_count * size;
    free(old);
    return take(classifier, count, size);
}

static bool copy_config(struct classifier *classifier, const struct classifier_config *config)
{
    size_t datasets = config->datasets;
    classifier->config = *config;
    classifier->classes = take(classifier, datasets, sizeof *classifier->classes);
    classifier->weight = take(classifier, datasets, sizeof *classifier->weight);
    classifier->block = take(classifier, datasets, sizeof *classifier->block);
    classifier->owners = take(classifier, datasets, sizeof(struct exchange_group *));
    classifier->dataset_first = take(classifier, datasets + 1, sizeof *classifier->dataset_first);
    if (!classifier->classes || !classifier->weight || !classifier->block || !classifier->owners ||
        !classifier->dataset_first) {
        return false;
    }
    memcpy(classifier->classes, config->classes, datasets * sizeof *config->classes);
    memcpy(classifier->weight, config->weight, datasets * sizeof *config->weight);
    classifier->config.classes = classifier->classes;
    classifier->config.weight = classifier->weight;
    return true;
}

static bool draws_classes(const struct classifier *classifier)
{
    return classifier->config.sample > 0 && classifier->config.sample < 1;
}

static bool create_block(struct classifier *classifier, size_t dataset)
{
    struct classifier_block *block = &classifier->block[dataset];
    struct exchange *exchange = classifier->exchange;
    uint32_t classes = classifier->classes[dataset];
    int first;
    classifier_owners(classifier, dataset, &first, &block->parts);
    block->part = (exchange->rank - first + exchange->size) % exchange->size;
    block->parameter = (struct parameter){.name = "weight",
                                          .kind = PARAMETER_TRAINED,
                                          .rank = 2,
                                          .shape = {0, (size_t)classifier->config.embedding}};
    if (block->part >= block->parts) {
        block->part = 0;
        return true;
    }
    block->row_begin = parameter_rows_begin(classes, block->part, block->parts);
    block->row_end = parameter_rows_begin(classes, block->part + 1, block->parts);
    size_t rows = block->row_end - block->row_begin, values = rows * block->parameter.shape[1];
    block->parameter.shape[0] = rows;
    block->parameter.count = values;
    block->weight = take(classifier, values, sizeof(float));
    bool drawn = draws_classes(classifier);
    block->gradient = drawn ? NULL : take(classifier, values, sizeof(float));
    block->centre = classifier->config.centres ? take(classifier, values + rows, sizeof(float)) : NULL;
    bool whole =
        block->weight && (block->gradient || drawn) && (block->centre || !classifier->config.centres);
    if (classifier->config.center > 0) {
        classifier->bytes += 2 * values * sizeof(float) + rows * sizeof(uint32_t);
        whole = center_loss_create(&block->center, rows, block->parameter.shape[1]) && whole;
    }
    return whole;
}

static size_t owned_rows(const struct classifier *classifier, size_t dataset)
{
    return classifier->block[dataset].row_end - classifier->block[dataset].row_begin;
}

/* Room to score so many rows in so many chunks. */
static bool make_room(struct classifier *classifier, size_t rows, size_t chunks)
{
    size_t round_max = (size_t)classifier->config.round_max, cosines = CLASSIFIER_TILE_BYTES / sizeof(float);
    cosines = rows * round_max < cosines ? rows * round_max : cosines;
    classifier->chunk =
        take_again(classifier, classifier->chunk, classifier->chunk_capacity, chunks, sizeof(struct chunk));
    classifier->inverse_norm =
        take_again(classifier, classifier->inverse_norm, classifier->row_capacity, rows, sizeof(float));
    classifier->arena =
        take_again(classifier, classifier->arena, classifier->arena_count, cosines, sizeof(float));
    classifier->chunk_capacity = chunks;
    classifier->row_capacity = rows;
    classifier->arena_count = cosines;
    classifier->chunks = 0;
    return classifier->chunk && classifier->inverse_norm && classifier->arena;
}

static bool make_room_for_drawn(struct classifier *classifier, size_t samples)
{
    if (!drawn_reserve(classifier, samples)) {
        return false;
    }
    size_t rows = drawn_most(classifier);
    return (classifier->chunk && rows <= classifier->row_capacity) ||
           make_room(classifier, rows, rows / (size_t)classifier->chunk_rows + classifier->config.datasets);
}

/* Cuts the owned blocks into chunks; where classes are drawn each step does so with its own. */
static bool create_chunks(struct classifier *classifier)
{
    size_t fitting = CLASSIFIER_TILE_BYTES / sizeof(float) / (size_t)classifier->config.round_max;
    size_t rows_max = fitting < 1 ? 1 : fitting < CHUNK_ROWS ? fitting : CHUNK_ROWS;
    size_t rows = 0, chunks = 0;
    classifier->chunk_rows = (int)rows_max;
    if (draws_classes(classifier)) {
        return make_room_for_drawn(classifier, classifier->config.step_max);
    }
    for (size_t k = 0; k < classifier->config.datasets; k++) {
        rows += owned_rows(classifier, k);
        chunks += (owned_rows(classifier, k) + rows_max - 1) / rows_max;
    }
    if (!make_room(classifier, rows, chunks)) {
        return false;
    }
    uint64_t first_class = 0;
    for (size_t k = 0; k < classifier->config.datasets; k++) {
        meeting_cut_chunks(classifier, k, owned_rows(classifier, k),
                           first_class + classifier->block[k].row_begin);
        first_class += classifier->classes[k];
    }
    return true;
}

static bool create_buffers(struct classifier *classifier)
{
    size_t round_max = (size_t)classifier->config.round_max;
    size_t values = round_max * (size_t)classifier->config.embedding;
    size_t returned = values + round_max * RETURN_COUNT;
    classifier->gathered_sample = take(classifier, round_max, sizeof *classifier->gathered_sample);
    classifier->gathered_embedding = take(classifier, values, sizeof(float));
    classifier->scored = take(classifier, round_max, sizeof *classifier->scored);
    classifier->embedding = take(classifier, values, sizeof(float));
    classifier->denominator = take(classifier, round_max, sizeof *classifier->denominator);
    classifier->local_sum = take(classifier, round_max, sizeof *classifier->local_sum);
    classifier->largest = take(classifier, round_max, sizeof(float));
    classifier->sum = take(classifier, round_max, sizeof(float));
    classifier->factor = take(classifier, round_max, sizeof(float));
    classifier->outgoing = take(classifier, returned, sizeof(float));
    classifier->incoming = take(classifier, returned / (size_t)classifier->exchange->size + 1, sizeof(float));
    classifier->part = take(classifier, (size_t)classifier->config.threads, sizeof *classifier->part);
    const bool curricular = classifier->config.margin.kind == MARGIN_CURRICULARFACE;
    if (curricular) {
        classifier->nearest = take(classifier, round_max, sizeof(float));
        classifier->hard = take(classifier, round_max, sizeof(float));
    }
    if (!classifier->gathered_sample || !classifier->gathered_embedding || !classifier->scored ||
        !classifier->embedding || !classifier->denominator || !classifier->local_sum ||
        !classifier->largest || !classifier->sum || !classifier->factor || !classifier->outgoing ||
        !classifier->incoming || !classifier->part ||
        (curricular && (!classifier->nearest || !classifier->hard))) {
        return false;
    }
    for (int t = 0; t < classifier->config.threads; t++) {
        struct thread_part *part = &classifier->part[t];
        part->largest = take(classifier, round_max, sizeof *part->largest);
        part->sum = take(classifier, round_max, sizeof *part->sum);
        part->grad_embedding = take(classifier, values, sizeof(float));
        part->tile = take(classifier, round_max * (size_t)classifier->chunk_rows, sizeof(float));
        part->row_dot = take(classifier, (size_t)classifier->chunk_rows, sizeof(float));
        if (curricular) {
            part->nearest = take(classifier, round_max, sizeof(float));
            part->rival = take(classifier, (size_t)classifier->chunk_rows, sizeof(float));
        }
        if (!part->largest || !part->sum || !part->grad_embedding || !part->tile || !part->row_dot ||
            (curricular && (!part->nearest || !part->rival))) {
            return false;
        }
    }
    return true;
}

/* Room for what a round is expected to draw, and then some; a round that draws more makes more room. */
static bool create_pairs(struct classifier *classifier)
{
    double rows = 0;
    if (classifier->config.scope_all || classifier->config.crossing_dropout <= 0) {
        return true;
    }
    for (size_t k = 0; k < classifier->config.datasets; k++) {
        rows += (double)owned_rows(classifier, k);
    }
    rows *= draws_classes(classifier) ? classifier->config.sample : 1;
    double expected = classifier->config.crossing_dropout * rows * (double)classifier->config.round_max;
    classifier->pair_capacity = (size_t)(expected + 8 * sqrt(expected)) + 64;
    classifier->pair = take(classifier, classifier->pair_capacity, sizeof *classifier->pair);
    classifier->draw = take(classifier, classifier->pair_capacity, sizeof *classifier->draw);
    return classifier->pair && classifier->draw;
}

static void create_margin(struct classifier *classifier)
{
    const enum margin_kind kind = classifier->config.margin.kind;
    classifier->unified = kind == MARGIN_UNIFACE;
    margin_running_init(kind, classifier->running);
    if (classifier->unified) {
        classifier->margin_parameter[0] = (struct parameter){
            .name = "threshold", .kind = PARAMETER_TRAINED, .rank = 1, .shape = {1}, .count = 1};
    }
    for (size_t i = 0; margin_running_name(kind, i); i++) {
        struct parameter *parameter = &classifier->margin_parameter[i];
        *parameter =
            (struct parameter){.kind = PARAMETER_STATISTIC, .rank = 1, .shape = {1}, .count = 1, .offset = i};
        snprintf(parameter->name, sizeof parameter->name, "%s", margin_running_name(kind, i));
    }
}

enum status classifier_create(const struct classifier_config *config, struct exchange *exchange,
                              struct classifier **created, struct error *error)
{
    *created = NULL;
    openblas_set_num_threads(1);
    struct classifier *classifier = calloc(1, sizeof *classifier);
    if (!classifier) {
        return error_no_memory(error, "classifier");
    }
    classifier->exchange = exchange;
    classifier->bytes = sizeof *classifier;
    uint64_t classes = 0;
    for (size_t k = 0; k < config->datasets; k++) {
        classes += config->classes[k];
    }
    if (classes > UINT32_MAX) {
        free(classifier);
        return error_set(error, STATUS_USAGE, "classifier", "leave a dataset out",
                         "the datasets have more than %u classes together", UINT32_MAX);
    }
    bool whole = copy_config(classifier, config);
    create_margin(classifier);
    for (size_t k = 0; k < config->datasets && whole; k++) {
        whole = create_block(classifier, k);
    }
    whole = whole && create_chunks(classifier) && create_buffers(classifier) && create_pairs(classifier) &&
            delivery_create(classifier);
    enum status status =
        whole ? identity_groups_create(config->classes, config->datasets, &classifier->alone, error)
              : error_no_memory(error, "classifier");
    if (status == STATUS_OK) {
        status = classifier_set_groups(classifier, NULL, error);
    }
    if (status != STATUS_OK) {
        classifier_free(classifier);
        return status;
    }
    *created = classifier;
    return STATUS_OK;
}

enum status classifier_reserve(struct classifier *classifier, size_t samples, struct error *error)
{
    if (!classifier->drawn) {
        return STATUS_OK;
    }
    return make_room_for_drawn(classifier, samples) ? meeting_plan(classifier, error)
                                                    : error_no_memory(error, "classifier");
}

static void free_parts(struct classifier *classifier)
{
    for (int t = 0; classifier->part && t < classifier->config.threads; t++) {
        free(classifier->part[t].largest);
        free(classifier->part[t].sum);
        free(classifier->part[t].grad_embedding);
        free(classifier->part[t].tile);
        free(classifier->part[t].row_dot);
        free(classifier->part[t].nearest);
        free(classifier->part[t].rival);
        free(classifier->part[t].packed_weight);
        free(classifier->part[t].packed_gradient);
        free(classifier->part[t].packed_inverse_norm);
    }
    free(classifier->part);
}

void classifier_free(struct classifier *classifier)
{
    if (!classifier) {
        return;
    }
    struct exchange *exchange = classifier->exchange;
    for (size_t k = 0; classifier->owners && k < classifier->config.datasets; k++) {
        if (classifier->owners[k]) {
            exchange->operations->group_free(exchange, classifier->owners[k]);
        }
    }
    if (classifier->everyone) {
        exchange->operations->group_free(exchange, classifier->everyone);
    }
    identity_groups_free(classifier->alone);
    for (size_t k = 0; classifier->block && k < classifier->config.datasets; k++) {
        free(classifier->block[k].weight);
        free(classifier->drawn ? NULL : classifier->block[k].gradient);
        free(classifier->block[k].centre);
        center_loss_free(&classifier->block[k].center);
    }
    free_parts(classifier);
    delivery_free(classifier);
    drawn_free(classifier);
    void *const buffers[] = {classifier->classes,   classifier->weight,       classifier->meeting,
                             classifier->block,     classifier->owners,       classifier->dataset_first,
                             classifier->chunk,     classifier->inverse_norm, classifier->arena,
                             classifier->embedding, classifier->scored,       classifier->gathered_sample,
                             classifier->largest,   classifier->sum,          classifier->gathered_embedding,
                             classifier->factor,    classifier->denominator,  classifier->local_sum,
                             classifier->outgoing,  classifier->incoming,     classifier->pair,
                             classifier->draw,      classifier->meeting_row,  classifier->nearest,
                             classifier->hard};
    for (size_t i = 0; i < sizeof buffers / sizeof buffers[0]; i++) {
        free(buffers[i]);
    }
    free(classifier);
}

/* The weights of one row, whoever owns it. */
static void init_row(const struct classifier *classifier, size_t dataset, uint32_t row)
{
    const struct classifier_block *block = &classifier->block[dataset];
    size_t dimension = (size_t)classifier->config.embedding;
    float *weight = block->weight + (size_t)(row - block->row_begin) * dimension;
    struct random random = random_stream(classifier->config.seed, RANDOM_CLASSIFIER, dataset, row);
    for (size_t i = 0; i < dimension; i++) {
        weight[i] = INITIAL_DEVIATION * random_normal(&random);
    }
}

void classifier_init(struct classifier *classifier)
{
    for (size_t k = 0; k < classifier->config.datasets; k++) {
        const struct classifier_block *block = &classifier->block[k];
#pragma omp parallel for num_threads(classifier->config.threads) schedule(static)
        for (uint32_t row = block->row_begin; row < block->row_end; row++) {
            init_row(classifier, k, row);
        }
    }
    double compared = 0;
    for (size_t k = 0; k < classifier->config.datasets; k++) {
        compared += classifier->classes[k];
    }
    compared /= classifier->config.scope_all ? 1 : (double)classifier->config.datasets;
    classifier->threshold = (float)log(10 * compared);
}

struct parameter_group classifier_parameter_group(struct classifier *classifier, size_t dataset,
                                                  const char *name)
{
    const struct classifier_block *block = &classifier->block[dataset];
    return (struct parameter_group){
        .name = name,
        .owned_rows = true,
        .parameters = &block->parameter,
        .parameter_count = 1,
        .count = block->parameter.count,
        .weight = block->weight,
        .gradient = classifier->drawn ? NULL : block->gradient,
        .drawn = classifier->drawn ? &block->drawn : NULL,
        .centre = block->centre,
        .loss_centre = block->center.value,
        .centre_count = block->centre ? block->parameter.count + block->parameter.shape[0] : 0,
        .rows = {.begin = block->row_begin,
                 .end = block->row_end,
                 .all = classifier->classes[dataset],
                 .part = block->part,
                 .parts = block->parts}};
}

struct parameter_group classifier_margin_group(struct classifier *classifier)
{
    size_t count = 0;
    while (count < MARGIN_RUNNING && margin_running_name(classifier->config.margin.kind, count)) {
        count++;
    }
    const size_t trained = classifier->unified;
    return (struct parameter_group){.name = "margin",
                                    .parameters = classifier->margin_parameter,
                                    .parameter_count = count + trained,
                                    .count = trained,
                                    .weight = &classifier->threshold,
                                    .gradient = &classifier->threshold_gradient,
                                    .statistics = classifier->running,
                                    .statistic_count = count};
}

void classifier_advance(struct classifier *classifier, const double sums[MARGIN_SUMS])
{
    margin_running_update(&classifier->config.margin, sums, classifier->running);
    center_loss_advance(classifier);
}

void classifier_forget(struct classifier *classifier, double kept)
{
    for (size_t k = 0; k < classifier->config.datasets; k++) {
        const struct classifier_block *block = &classifier->block[k];
        size_t values = block->centre ? block->parameter.count + block->parameter.shape[0] : 0;
        for (size_t i = 0; i < values; i++) {
            block->centre[i] = (float)(kept * (double)block->centre[i]);
        }
    }
}

size_t classifier_memory_bytes(const struct classifier *classifier)
{
    return classifier->bytes;
}

void classifier_zero_gradient(struct classifier *classifier)
{
    classifier->threshold_gradient = 0;
    center_loss_begin(classifier);
    for (size_t k = 0; k < classifier->config.datasets; k++) {
        size_t values = owned_rows(classifier, k) * (size_t)classifier->config.embedding;
        if (values > 0 && !classifier->drawn) {
            memset(classifier->block[k].gradient, 0, values * sizeof(float));
        }
    }
}

const struct crossing_draw *classifier_draws(const struct classifier *classifier, size_t *count)
{
    *count = classifier->pairs;
    return classifier->draw;
}
