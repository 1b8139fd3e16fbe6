#include "shard/synth/synth_pairs.h"

#include "proto/file.h"
#include "shard/pairs.h"
#include "shard/synth/synth_batch.h"
#include "shard/synth/synth_people.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#define IMAGES 4 /* of each held-out person in a set: six pairs, at least four of them across domains */
#define SETS_STREAM (UINT64_MAX - 2)

struct set_work {
    const struct synth_config *config;
    int dataset; /* or SYNTH_PAIRS_CROSS, SYNTH_PAIRS_ALL */
    uint32_t people; /* of one fold */
    uint32_t half; /* pairs of one fold that are the same person, and as many that are not */
    struct synth_job *jobs; /* [images] */
    uint32_t *same; /* candidates of one fold: image * IMAGES + other, [people * 6] */
    struct pairs pairs;
    struct random random;
};

static uint32_t set_pairs(const struct synth_config *config, int dataset)
{
    return (uint32_t)(dataset >= 0 && config->within_pairs > 0 ? config->within_pairs : config->pairs);
}

static uint32_t fold_people(uint32_t half)
{
    return half > 12 ? (half + 2) / 3 : 4;
}

uint64_t synth_pairs_images(const struct synth_config *config, int dataset)
{
    return (uint64_t)fold_people(set_pairs(config, dataset) / (2 * SYNTH_FOLDS)) * SYNTH_FOLDS * IMAGES;
}

static bool may_pair(const struct set_work *work, uint32_t first, uint32_t second)
{
    return work->dataset != SYNTH_PAIRS_CROSS || work->jobs[first].dataset != work->jobs[second].dataset;
}

static void add_pair(struct set_work *work, uint32_t fold, uint32_t first, uint32_t second, bool same)
{
    struct pairs *pairs = &work->pairs;
    pairs->pair[pairs->count * 2] = first;
    pairs->pair[pairs->count * 2 + 1] = second;
    pairs->same[pairs->count] = same;
    pairs->fold[pairs->count] = (uint8_t)fold;
    pairs->count++;
}

static void add_same(struct set_work *work, uint32_t fold)
{
    const uint32_t begin = fold * work->people * IMAGES;
    uint32_t count = 0;
    for (uint32_t image = begin; image < begin + work->people * IMAGES; image++) {
        for (uint32_t other = image % IMAGES + 1; other < IMAGES; other++) {
            if (may_pair(work, image, image - image % IMAGES + other)) {
                work->same[count++] = image * IMAGES + other;
            }
        }
    }
    random_shuffle(&work->random, work->same, count);
    for (uint32_t i = 0; i < work->half; i++) {
        const uint32_t image = work->same[i] / IMAGES;
        add_pair(work, fold, image, image - image % IMAGES + work->same[i] % IMAGES, true);
    }
}

static bool is_new(const struct pairs *pairs, uint32_t begin, uint32_t first, uint32_t second)
{
    for (uint32_t i = begin; i < pairs->count; i++) {
        if (pairs->pair[i * 2] == first && pairs->pair[i * 2 + 1] == second) {
            return false;
        }
    }
    return true;
}

static void add_different(struct set_work *work, uint32_t fold)
{
    const uint32_t images = work->people * IMAGES;
    const uint32_t begin = work->pairs.count;
    while (work->pairs.count < begin + work->half) {
        const uint32_t one = fold * images + random_below(&work->random, images);
        const uint32_t two = fold * images + random_below(&work->random, images);
        const uint32_t first = one < two ? one : two;
        const uint32_t second = one < two ? two : one;
        if (first / IMAGES != second / IMAGES && may_pair(work, first, second) &&
            is_new(&work->pairs, begin, first, second)) {
            add_pair(work, fold, first, second, false);
        }
    }
}

/* Whose look picture `picture` of a person of the set has. Across, a person's pictures go round the datasets.
 */
static int image_dataset(struct set_work *work, uint32_t person, uint32_t picture)
{
    const uint32_t datasets = (uint32_t)work->config->datasets;
    if (work->dataset >= 0) {
        return work->dataset;
    }
    return (int)(work->dataset == SYNTH_PAIRS_CROSS ? (person + picture) % datasets
                                                    : random_below(&work->random, datasets));
}

static enum status prepare(struct set_work *work, const char *name, struct error *error)
{
    const struct synth_config *config = work->config;
    struct pairs *pairs = &work->pairs;
    const size_t count = set_pairs(config, work->dataset);
    work->half = (uint32_t)count / (2 * SYNTH_FOLDS);
    work->people = fold_people(work->half);
    pairs->images = (uint32_t)synth_pairs_images(config, work->dataset);
    snprintf(pairs->name, sizeof pairs->name, "%s", name);
    pairs->image_size = config->size;
    pairs->encoding = config->encoding;
    pairs->offset = malloc(((size_t)pairs->images + 1) * sizeof *pairs->offset);
    pairs->crc = malloc((size_t)pairs->images * sizeof *pairs->crc);
    pairs->pair = malloc(count * 2 * sizeof *pairs->pair);
    pairs->same = malloc(count);
    pairs->fold = malloc(count);
    work->jobs = calloc(pairs->images, sizeof *work->jobs);
    work->same = malloc((size_t)work->people * 6 * sizeof *work->same);
    if (!pairs->offset || !pairs->crc || !pairs->pair || !pairs->same || !pairs->fold || !work->jobs ||
        !work->same) {
        return error_no_memory(error, "making a verification set");
    }
    work->random = random_stream(config->seed, RANDOM_SYNTH, SETS_STREAM, (uint64_t)(work->dataset + 1));
    for (uint32_t i = 0; i < pairs->images; i++) {
        work->jobs[i] = (struct synth_job){.dataset = image_dataset(work, i / IMAGES, i % IMAGES),
                                           .person = synth_first_held_out(config) + i / IMAGES,
                                           .number = i % IMAGES};
    }
    return STATUS_OK;
}

static enum status gather_images(struct set_work *work, struct synth_progress *progress, struct error *error)
{
    struct pairs *pairs = &work->pairs;
    enum status status = STATUS_OK;
    for (size_t at = 0; at < pairs->images && status == STATUS_OK; at += SYNTH_BATCH) {
        const size_t left = pairs->images - at;
        const size_t count = left < SYNTH_BATCH ? left : SYNTH_BATCH;
        status = synth_batch_draw(work->config, work->jobs + at, count, error);
        if (status == STATUS_OK) {
            synth_progress_add(work->config, progress, count);
        }
    }
    if (status != STATUS_OK) {
        return status;
    }
    for (uint32_t i = 0; i < pairs->images; i++) {
        pairs->offset[i] = pairs->bytes;
        pairs->bytes += work->jobs[i].size;
    }
    pairs->offset[pairs->images] = pairs->bytes;
    pairs->image = malloc(pairs->bytes);
    if (!pairs->image) {
        return error_no_memory(error, "making a verification set");
    }
    for (uint32_t i = 0; i < pairs->images; i++) {
        memcpy(pairs->image + pairs->offset[i], work->jobs[i].bytes, work->jobs[i].size);
        pairs->crc[i] = (uint32_t)crc32(0, work->jobs[i].bytes, (uInt)work->jobs[i].size);
    }
    return STATUS_OK;
}

enum status synth_pairs_write(const struct synth_config *config, const char *name, int dataset,
                              struct synth_progress *progress, struct error *error)
{
    struct set_work work = {.config = config, .dataset = dataset};
    char path[PATH_SIZE], file[SYNTH_CLASS_MAX + 64];
    enum status status = prepare(&work, name, error);
    if (status == STATUS_OK) {
        for (uint32_t fold = 0; fold < SYNTH_FOLDS; fold++) {
            add_same(&work, fold);
            add_different(&work, fold);
        }
        status = gather_images(&work, progress, error);
    }
    snprintf(file, sizeof file, "%s.h5", name);
    if (status == STATUS_OK) {
        status = file_join(config->directory, file, path, error);
    }
    if (status == STATUS_OK) {
        status = pairs_write(&work.pairs, path, error);
    }
    if (work.jobs) {
        synth_batch_free(work.jobs, work.pairs.images);
    }
    free(work.jobs);
    free(work.same);
    pairs_close(&work.pairs);
    return status;
}
