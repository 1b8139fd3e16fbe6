#include "worker/loss/classifier_drawn.h"

#include "worker/loss/class_draw.h"
#include "worker/loss/classifier_delivery.h"

#include <stdlib.h>
#include <string.h>

/* The bits of a dataset's owned rows. */
struct drawn_block {
    uint32_t first; /* block of classes */
    uint32_t count;
    uint64_t *bits; /* [count][CLASS_DRAW_WORDS] */
    uint32_t *before; /* [count + 1]: rows that stand ahead of each block of classes */
    size_t begin; /* of its rows among all that stand */
};

struct drawn {
    struct drawn_block *block; /* [datasets] */
    uint64_t *bits; /* of all */
    uint32_t *before; /* of all */
    size_t most; /* rows that `row` and `gradient` hold */
    uint32_t *row;
    float *gradient; /* [most][D] */
    size_t sample_most;
    struct sample *sample; /* [sample_most]: of the step */
};

static size_t owned(const struct classifier_block *block)
{
    return block->row_end - block->row_begin;
}

/* What does not depend on the samples of a step. */
static bool create(struct classifier *classifier)
{
    size_t datasets = classifier->config.datasets;
    size_t blocks = 0;
    struct drawn *drawn = calloc(1, sizeof *drawn);
    classifier->drawn = drawn;
    if (!drawn) {
        return false;
    }
    drawn->block = calloc(datasets, sizeof *drawn->block);
    for (size_t k = 0; drawn->block && k < datasets; k++) {
        const struct classifier_block *block = &classifier->block[k];
        if (owned(block) > 0) {
            drawn->block[k].first = block->row_begin / CLASS_DRAW_BLOCK;
            drawn->block[k].count = (block->row_end - 1) / CLASS_DRAW_BLOCK + 1 - drawn->block[k].first;
            blocks += drawn->block[k].count;
        }
    }
    drawn->bits = calloc(blocks * CLASS_DRAW_WORDS + 1, sizeof *drawn->bits);
    drawn->before = calloc(blocks + datasets, sizeof *drawn->before);
    if (!drawn->block || !drawn->bits || !drawn->before) {
        return false;
    }
    classifier->bytes +=
        blocks * CLASS_DRAW_WORDS * sizeof *drawn->bits + (blocks + datasets) * sizeof *drawn->before;
    uint64_t *bits = drawn->bits;
    uint32_t *before = drawn->before;
    for (size_t k = 0; k < datasets; k++) {
        drawn->block[k].bits = bits;
        drawn->block[k].before = before;
        bits += drawn->block[k].count * CLASS_DRAW_WORDS;
        before += drawn->block[k].count + 1;
    }
    return true;
}

bool drawn_reserve(struct classifier *classifier, size_t samples)
{
    if (!classifier->drawn && !create(classifier)) {
        return false;
    }
    struct drawn *drawn = classifier->drawn;
    size_t rows = 0, most = samples;
    if (samples <= drawn->sample_most) {
        return true;
    }
    for (size_t k = 0; k < classifier->config.datasets; k++) {
        rows += owned(&classifier->block[k]);
        most += class_draw_most(classifier->config.sample, owned(&classifier->block[k]));
    }
    most = most < rows ? most : rows;
    size_t each = sizeof *drawn->row + (size_t)classifier->config.embedding * sizeof *drawn->gradient;
    classifier->bytes += (most - drawn->most) * each + (samples - drawn->sample_most) * sizeof *drawn->sample;
    free(drawn->row);
    free(drawn->gradient);
    free(drawn->sample);
    drawn->row = calloc(most + 1, sizeof *drawn->row);
    drawn->gradient = calloc(most * (size_t)classifier->config.embedding + 1, sizeof *drawn->gradient);
    drawn->sample = calloc(samples, sizeof *drawn->sample);
    drawn->most = most;
    drawn->sample_most = samples;
    return drawn->row && drawn->gradient && drawn->sample;
}

void drawn_free(struct classifier *classifier)
{
    struct drawn *drawn = classifier->drawn;
    if (drawn) {
        free(drawn->block);
        free(drawn->bits);
        free(drawn->before);
        free(drawn->row);
        free(drawn->gradient);
        free(drawn->sample);
        free(drawn);
    }
}

size_t drawn_most(const struct classifier *classifier)
{
    return classifier->drawn->most;
}

bool drawn_has(const struct classifier *classifier, size_t dataset, uint32_t row, uint32_t *place)
{
    const struct drawn_block *block = &classifier->drawn->block[dataset];
    uint32_t class_index = classifier->block[dataset].row_begin + row;
    size_t at = class_index / CLASS_DRAW_BLOCK - block->first;
    uint32_t bit = class_index % CLASS_DRAW_BLOCK;
    const uint64_t *bits = block->bits + at * CLASS_DRAW_WORDS;
    uint64_t word = bits[bit / 64];
    if (!(word >> bit % 64 & 1)) {
        return false;
    }
    if (place) {
        uint64_t below = word & ((UINT64_C(1) << bit % 64) - 1);
        *place = block->before[at] + (uint32_t)__builtin_popcountll(below);
        for (uint32_t w = 0; w < bit / 64; w++) {
            *place += (uint32_t)__builtin_popcountll(bits[w]);
        }
    }
    return true;
}

uint64_t drawn_place(const struct classifier *classifier, uint32_t class_index)
{
    size_t dataset = identity_groups_dataset(classifier->identity, class_index);
    const struct classifier_block *block = &classifier->block[dataset];
    uint32_t label = (uint32_t)(class_index - classifier->identity->first_class[dataset]);
    uint32_t place;
    if (label < block->row_begin || label >= block->row_end ||
        !drawn_has(classifier, dataset, label - block->row_begin, &place)) {
        return DRAWN_NOT;
    }
    return classifier->drawn->block[dataset].begin + place;
}

/* --- A step --- */

static void clear_bits(uint64_t *bits, uint32_t begin, uint32_t end)
{
    for (uint32_t bit = begin; bit < end; bit++) {
        bits[bit / 64] &= ~(UINT64_C(1) << bit % 64);
    }
}

/* Classes that share another's row have none that could stand. */
static void clear_shared(const struct identity_groups *identity, uint64_t first_class, uint64_t *bits)
{
    for (uint32_t w = 0; w < CLASS_DRAW_WORDS; w++) {
        for (uint64_t left = bits[w]; left; left &= left - 1) {
            uint64_t class_index = first_class + w * 64 + (uint32_t)__builtin_ctzll(left);
            if (identity->home[class_index] != class_index) {
                bits[w] &= ~(left & -left);
            }
        }
    }
}

static void draw_block(const struct classifier *classifier, size_t dataset, const struct class_draw *draw,
                       uint32_t at)
{
    const struct classifier_block *owner = &classifier->block[dataset];
    const struct drawn_block *block = &classifier->drawn->block[dataset];
    const struct identity_groups *identity = classifier->identity;
    uint64_t *bits = block->bits + (size_t)at * CLASS_DRAW_WORDS;
    uint64_t begin = (uint64_t)(block->first + at) * CLASS_DRAW_BLOCK;
    class_draw_block(draw, block->first + at, bits);
    if (owner->row_begin > begin) {
        clear_bits(bits, 0, (uint32_t)(owner->row_begin - begin));
    }
    if (owner->row_end < begin + CLASS_DRAW_BLOCK) {
        clear_bits(bits, (uint32_t)(owner->row_end - begin), CLASS_DRAW_BLOCK);
    }
    if (identity->shared > 0) {
        clear_shared(identity, identity->first_class[dataset] + begin, bits);
    }
}

/* The row of a sample's class stands, whatever is drawn. */
static void add_target(struct classifier *classifier, const struct sample *sample)
{
    const struct identity_groups *identity = classifier->identity;
    uint32_t home = identity->home[identity->first_class[sample->dataset] + sample->label];
    size_t dataset = identity_groups_dataset(identity, home);
    const struct classifier_block *owner = &classifier->block[dataset];
    const struct drawn_block *block = &classifier->drawn->block[dataset];
    uint32_t label = (uint32_t)(home - identity->first_class[dataset]);
    if (label >= owner->row_begin && label < owner->row_end) {
        size_t at = label / CLASS_DRAW_BLOCK - block->first;
        uint32_t bit = label % CLASS_DRAW_BLOCK;
        block->bits[at * CLASS_DRAW_WORDS + bit / 64] |= UINT64_C(1) << bit % 64;
    }
}

static void count_rows(struct classifier *classifier)
{
    size_t all = 0;
    for (size_t k = 0; k < classifier->config.datasets; k++) {
        struct drawn_block *block = &classifier->drawn->block[k];
        uint32_t rows = 0;
        block->begin = all;
        for (size_t w = 0; w < (size_t)block->count * CLASS_DRAW_WORDS; w++) {
            if (w % CLASS_DRAW_WORDS == 0) {
                block->before[w / CLASS_DRAW_WORDS] = rows;
            }
            rows += (uint32_t)__builtin_popcountll(block->bits[w]);
        }
        block->before[block->count] = rows;
        all += rows;
    }
}

/* Names the rows of a block of classes, counted within the owner's block, and sets their gradient to 0. */
static void list_rows(const struct classifier *classifier, size_t dataset, uint32_t at)
{
    const struct drawn *drawn = classifier->drawn;
    const struct drawn_block *block = &drawn->block[dataset];
    size_t dimension = (size_t)classifier->config.embedding;
    uint64_t begin = (uint64_t)(block->first + at) * CLASS_DRAW_BLOCK;
    size_t first = block->begin + block->before[at];
    uint32_t *row = drawn->row + first;
    for (uint32_t w = 0; w < CLASS_DRAW_WORDS; w++) {
        for (uint64_t left = block->bits[(size_t)at * CLASS_DRAW_WORDS + w]; left; left &= left - 1) {
            *row++ = (uint32_t)(begin + w * 64 + (uint32_t)__builtin_ctzll(left) -
                                classifier->block[dataset].row_begin);
        }
    }
    size_t rows = block->before[at + 1] - block->before[at];
    memset(drawn->gradient + first * dimension, 0, rows * dimension * sizeof *drawn->gradient);
}

static void draw_rows(struct classifier *classifier, size_t samples, int64_t step)
{
    const struct classifier_config *config = &classifier->config;
    struct drawn *drawn = classifier->drawn;
    for (size_t k = 0; k < config->datasets; k++) {
        struct class_draw draw =
            class_draw_begin(config->seed, (uint64_t)step, (uint32_t)k, config->classes[k], config->sample);
#pragma omp parallel for num_threads(config->threads) schedule(static)
        for (uint32_t at = 0; at < drawn->block[k].count; at++) {
            draw_block(classifier, k, &draw, at);
        }
    }
    for (size_t i = 0; i < samples; i++) {
        if (drawn->sample[i].dataset != SAMPLE_ABSENT) {
            add_target(classifier, &drawn->sample[i]);
        }
    }
    count_rows(classifier);
    for (size_t k = 0; k < config->datasets; k++) {
        struct classifier_block *block = &classifier->block[k];
#pragma omp parallel for num_threads(config->threads) schedule(static)
        for (uint32_t at = 0; at < drawn->block[k].count; at++) {
            list_rows(classifier, k, at);
        }
        size_t begin = drawn->block[k].begin;
        block->gradient = drawn->gradient + begin * (size_t)config->embedding;
        block->drawn = (struct parameter_drawn){.row = drawn->row + begin,
                                                .count = drawn->block[k].before[drawn->block[k].count],
                                                .gradient = block->gradient};
    }
}

enum status drawn_draw(struct classifier *classifier, int count, const struct sample *sample, int64_t step,
                       struct error *error)
{
    struct exchange *exchange = classifier->exchange;
    size_t samples = (size_t)count * (size_t)exchange->size;
    if (samples > classifier->drawn->sample_most) {
        return error_set(error, STATUS_INTERNAL, "classifier", NULL,
                         "a step of %zu samples is more than the %zu made room for", samples,
                         classifier->drawn->sample_most);
    }
    enum status status = exchange->operations->allgather(exchange, sample, (size_t)count * sizeof *sample,
                                                         classifier->drawn->sample, error);
    if (status == STATUS_OK) {
        status = delivery_check(classifier, classifier->drawn->sample, samples, error);
    }
    if (status == STATUS_OK) {
        draw_rows(classifier, samples, step);
    }
    return status;
}
