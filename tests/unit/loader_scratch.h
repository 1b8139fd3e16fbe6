/* Two datasets of small shards, of PNG images whose pixels tell which image they are, and two lanes' leases of them. */
#ifndef DAIL_TESTS_UNIT_LOADER_SCRATCH_H
#define DAIL_TESTS_UNIT_LOADER_SCRATCH_H

#include "shard/manifest.h"
#include "worker/loader/lane.h"
#include "worker/loader/loader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define SIDE 16
#define DATASETS 2
#define SHARDS 3
#define BATCH 4
#define SEED 7
#define VALUES ((size_t)SIDE * SIDE * 3)

static const uint32_t shard_images[DATASETS][SHARDS] = {{11, 7, 9}, {30, 25, 40}};
static const uint32_t class_count[DATASETS] = {5, 8};

struct fixture {
    char directory[256];
    struct manifest manifests[DATASETS];
    struct manifest_shard shards[DATASETS][SHARDS];
};

static inline uint32_t label_of(size_t dataset, uint32_t number)
{
    return (number * 3 + 1) % class_count[dataset];
}

/* Pixel values that differ from place to place and from image to image. */
static inline uint8_t pixel_of(size_t dataset, uint32_t number, int y, int x, int c)
{
    uint32_t value = (uint32_t)(y * SIDE + x) * 3 + (uint32_t)c + number * 7919 + (uint32_t)dataset * 104729;
    return (uint8_t)(value * 2654435761u >> 24);
}

static inline void write_shard(struct fixture *fixture, size_t dataset, uint32_t index, uint32_t first)
{
    struct manifest *manifest = &fixture->manifests[dataset];
    struct manifest_shard *entry = &fixture->shards[dataset][index];
    struct shard_writer *writer;
    char name[64], path[400];
    snprintf(name, sizeof name, "%s-%05u.h5", manifest->name, index);
    snprintf(path, sizeof path, "%s/%s", fixture->directory, name);
    entry->file = strdup(name);
    entry->images = shard_images[dataset][index];
    assert_int_equal(shard_writer_create(path, manifest->name, manifest->dataset_id, index, SHARDS,
                                         manifest->classes, IMAGE_PNG, &writer, NULL),
                     STATUS_OK);
    for (uint32_t i = 0; i < entry->images; i++) {
        uint8_t pixels[VALUES];
        struct image image = {.width = SIDE, .height = SIDE, .pixels = pixels};
        uint8_t *bytes;
        size_t size;
        for (int p = 0; p < (int)VALUES; p++) {
            pixels[p] = pixel_of(dataset, first + i, p / 3 / SIDE, p / 3 % SIDE, p % 3);
        }
        assert_int_equal(image_encode(&image, IMAGE_PNG, 0, &bytes, &size, NULL), STATUS_OK);
        assert_int_equal(shard_writer_append(writer, bytes, size, label_of(dataset, first + i), NULL),
                         STATUS_OK);
        free(bytes);
    }
    assert_int_equal(shard_writer_finish(writer, &entry->bytes, &entry->crc, NULL), STATUS_OK);
}

static inline int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    const char *base = getenv("TMPDIR");
    snprintf(fixture->directory, sizeof fixture->directory, "%s/dail-loader-XXXXXX", base ? base : "/tmp");
    assert_non_null(mkdtemp(fixture->directory));
    for (size_t k = 0; k < DATASETS; k++) {
        struct manifest *manifest = &fixture->manifests[k];
        snprintf(manifest->name, sizeof manifest->name, "set%zu", k);
        snprintf(manifest->directory, sizeof manifest->directory, "%s", fixture->directory);
        snprintf(manifest->path, sizeof manifest->path, "%s/set%zu.yaml", fixture->directory, k);
        manifest->dataset_id = (uint32_t)k + 40;
        manifest->classes = class_count[k];
        manifest->image_size = SIDE;
        manifest->encoding = IMAGE_PNG;
        manifest->shards = fixture->shards[k];
        manifest->shard_count = SHARDS;
        for (uint32_t i = 0; i < SHARDS; i++) {
            write_shard(fixture, k, i, (uint32_t)manifest->images);
            manifest->images += shard_images[k][i];
        }
    }
    *state = fixture;
    return 0;
}

static inline int tear_down(void **state)
{
    struct fixture *fixture = *state;
    char path[400];
    for (size_t k = 0; k < DATASETS; k++) {
        for (size_t i = 0; i < SHARDS; i++) {
            snprintf(path, sizeof path, "%s/%s", fixture->directory, fixture->shards[k][i].file);
            unlink(path);
            free(fixture->shards[k][i].file);
        }
    }
    rmdir(fixture->directory);
    free(fixture);
    return 0;
}

/* Two lanes share the shards: lane 0 has the first part of some, lane 1 the rest. */
static struct message_lease lane_leases[2][6] = {
    {{0, 2, 0, 9, 0}, {0, 0, 0, 4, 0}, {1, 1, 0, 25, 0}, {1, 0, 10, 20, 0}},
    {{1, 2, 0, 40, 0}, {0, 0, 4, 7, 0}, {0, 1, 0, 7, 0}, {1, 0, 0, 10, 0}},
};
static const int64_t lane_images[2] = {58, 64};

static inline struct message_leases leases_of(int64_t epoch, int lane)
{
    return (struct message_leases){.epoch = epoch, .lane = lane, .count = 4, .leases = lane_leases[lane]};
}

static const struct config_augment unaltered[DATASETS];

static inline struct loader_config config_of(const struct fixture *fixture)
{
    return (struct loader_config){.limit_seconds = 60,
                                  .manifests = fixture->manifests,
                                  .datasets = DATASETS,
                                  .seed = SEED,
                                  .side = SIDE,
                                  .batch = BATCH,
                                  .augment = unaltered,
                                  .first_lane = 0,
                                  .lanes = 2,
                                  .depth = 2};
}

static inline void order_of(const struct fixture *fixture, int64_t epoch, int lane, uint64_t seed,
                            int64_t count, uint64_t *ids)
{
    struct message_leases leases = leases_of(epoch, lane);
    struct lane *stream;
    assert_int_equal(lane_create(&leases, fixture->manifests, DATASETS, seed, &stream, NULL), STATUS_OK);
    for (int64_t i = 0; i < count; i++) {
        struct lane_item item;
        assert_true(lane_left(stream) > 0);
        lane_next(stream, &item);
        ids[i] = item.id;
    }
    lane_free(stream);
}

#endif
