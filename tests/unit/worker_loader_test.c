/* The loader and the order of lanes, on small shards of PNG images whose pixels tell which image they are. */
#include "shard/manifest.h"
#include "worker/loader/lane.h"
#include "worker/loader/loader.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
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

static uint32_t label_of(size_t dataset, uint32_t number)
{
    return (number * 3 + 1) % class_count[dataset];
}

/* Pixel values that differ from place to place and from image to image. */
static uint8_t pixel_of(size_t dataset, uint32_t number, int y, int x, int c)
{
    uint32_t value = (uint32_t)(y * SIDE + x) * 3 + (uint32_t)c + number * 7919 + (uint32_t)dataset * 104729;
    return (uint8_t)(value * 2654435761u >> 24);
}

static void write_shard(struct fixture *fixture, size_t dataset, uint32_t index, uint32_t first)
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

static int set_up(void **state)
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

static int tear_down(void **state)
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

/* The images of shard 0 of dataset 0 that a run leaves out: the lanes' leases are of the eight others. */
static uint32_t left_out[] = {0, 4, 10};
static struct message_lease kept_leases[2] = {{0, 0, 0, 5, 0}, {0, 0, 5, 3, 0}};

static struct message_leases leases_of(int64_t epoch, int lane)
{
    return (struct message_leases){.epoch = epoch, .lane = lane, .count = 4, .leases = lane_leases[lane]};
}

static const struct config_augment unaltered[DATASETS];

static struct loader_config config_of(const struct fixture *fixture)
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

static void order_of(const struct fixture *fixture, int64_t epoch, int lane, uint64_t seed, int64_t count,
                     uint64_t *ids)
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

static int compare_ids(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

static void test_order_holds_each_image_once(void **state)
{
    const struct fixture *fixture = *state;
    uint64_t ids[200], expected[200];
    size_t count = 0;
    for (int lane = 0; lane < 2; lane++) {
        order_of(fixture, 3, lane, SEED, lane_images[lane], ids + count);
        count += (size_t)lane_images[lane];
    }
    assert_int_equal(count, fixture->manifests[0].images + fixture->manifests[1].images);
    for (size_t i = 0; i < count; i++) {
        size_t first = fixture->manifests[0].images;
        expected[i] = i < first ? i : ((uint64_t)1 << 40) + i - first;
    }
    qsort(ids, count, sizeof *ids, compare_ids);
    assert_memory_equal(ids, expected, count * sizeof *ids);
}

static void test_leases_count_what_is_left(void **state)
{
    struct fixture *fixture = *state;
    uint64_t ids[8];
    static const uint64_t expected[8] = {1, 2, 3, 5, 6, 7, 8, 9};
    size_t count = 0;
    struct error error;
    fixture->shards[0][0].left_out = left_out;
    fixture->shards[0][0].left_out_count = 3;
    for (int lane = 0; lane < 2; lane++) {
        struct message_leases leases = {.epoch = 1, .lane = lane, .count = 1, .leases = &kept_leases[lane]};
        struct lane *stream;
        assert_int_equal(lane_create(&leases, fixture->manifests, DATASETS, SEED, &stream, NULL), STATUS_OK);
        assert_int_equal(lane_left(stream), kept_leases[lane].count);
        while (lane_left(stream) > 0) {
            struct lane_item item;
            lane_next(stream, &item);
            assert_int_equal(item.last, lane_left(stream) == 0);
            assert_true(count < 8);
            ids[count++] = item.id;
        }
        lane_free(stream);
    }
    struct message_lease beyond = {0, 0, 5, 4, 0};
    struct message_leases leases = {.epoch = 1, .lane = 0, .count = 1, .leases = &beyond};
    struct lane *stream;
    assert_int_equal(lane_create(&leases, fixture->manifests, DATASETS, SEED, &stream, &error),
                     STATUS_INTERNAL);
    fixture->shards[0][0].left_out = NULL;
    fixture->shards[0][0].left_out_count = 0;
    assert_int_equal(count, 8);
    qsort(ids, count, sizeof *ids, compare_ids);
    assert_memory_equal(ids, expected, sizeof expected);
}

/* A dataset's leases come whole, one after the other. */
static void test_order_keeps_leases_together(void **state)
{
    const struct fixture *fixture = *state;
    uint64_t ids[58], of_dataset[58];
    size_t count = 0;
    order_of(fixture, 0, 0, SEED, 58, ids);
    for (size_t i = 0; i < 58; i++) {
        if (ids[i] >> 40 == 0) {
            of_dataset[count++] = ids[i];
        }
    }
    assert_int_equal(count, 13);
    int moved = 0;
    for (size_t i = 0; i < count; i++) {
        /* First shard 2 (numbers 18 to 26), then 0 to 3 of shard 0. */
        if (i < 9) {
            assert_in_range(of_dataset[i], 18, 26);
            moved += of_dataset[i] != 18 + i;
        } else {
            assert_in_range(of_dataset[i], 0, 3);
        }
    }
    assert_true(moved > 0);
}

static void test_order_depends_on_its_key_alone(void **state)
{
    const struct fixture *fixture = *state;
    uint64_t a[58], b[58];
    order_of(fixture, 1, 0, SEED, 58, a);
    order_of(fixture, 1, 0, SEED, 58, b);
    assert_memory_equal(a, b, sizeof a);
    order_of(fixture, 2, 0, SEED, 58, b);
    assert_memory_not_equal(a, b, sizeof a);
    order_of(fixture, 1, 0, SEED + 1, 58, b);
    assert_memory_not_equal(a, b, sizeof a);
}

/* Datasets mix in proportion: over many epochs every place in the stream sees a dataset as often as its share
 * says. Binomial with p = 13/58 over 4000 epochs: five standard deviations are 0.033. */
static void test_order_mixes_datasets_evenly(void **state)
{
    const struct fixture *fixture = *state;
    uint64_t ids[58];
    int found[58] = {0};
    for (int64_t epoch = 0; epoch < 4000; epoch++) {
        order_of(fixture, epoch, 0, SEED, 58, ids);
        for (int i = 0; i < 58; i++) {
            found[i] += ids[i] >> 40 == 0;
        }
    }
    for (int i = 0; i < 58; i++) {
        assert_true(fabs(found[i] / 4000.0 - 13 / 58.0) < 0.033);
    }
}

/* A sampled lease gives its images as often as it says, each time numbered, among leases that are not. */
static void test_sampled_leases_repeat_images(void **state)
{
    const struct fixture *fixture = *state;
    struct message_lease three[] = {{0, 0, 2, 5, 1}, {1, 0, 0, 4, 0}, {0, 1, 1, 3, 1}};
    uint8_t repeats[] = {1, 0, 3, 0, 200, 2, 0, 1};
    const struct message_leases leases = {
        .epoch = 4, .count = 3, .repeat_count = sizeof repeats, .leases = three, .repeats = repeats};
    struct lane *stream;
    uint32_t found[2][40][200] = {{{0}}}, last = 0;
    assert_int_equal(lane_create(&leases, fixture->manifests, DATASETS, SEED, &stream, NULL), STATUS_OK);
    assert_int_equal(lane_left(stream), 204 + 4 + 3);
    while (lane_left(stream) > 0) {
        struct lane_item item;
        lane_next(stream, &item);
        assert_true(item.repeat < 200);
        found[item.id >> 40][(uint32_t)item.id][item.repeat]++;
        last += item.last;
    }
    lane_free(stream);
    assert_int_equal(last, 3);
    for (uint32_t id = 0; id < 40; id++) {
        /* Shard 0 of dataset 0 has 11 images. */
        const uint32_t due = id >= 2 && id < 7     ? repeats[id - 2]
                             : id >= 12 && id < 15 ? repeats[id - 12 + 5]
                                                   : 0;
        for (uint32_t repeat = 0; repeat < 200; repeat++) {
            assert_int_equal(found[0][id][repeat], repeat < due);
            assert_int_equal(found[1][id][repeat], id < 4 && repeat == 0);
        }
    }
}

static void test_bad_leases_are_refused(void **state)
{
    const struct fixture *fixture = *state;
    struct message_lease bad[] = {{2, 0, 0, 1, 0},  {0, 3, 0, 1, 0}, {0, 0, 0, 12, 0},
                                  {0, 0, 12, 1, 0}, {0, 0, 0, 0, 0}, {0, 0, 5, UINT32_MAX, 0},
                                  {0, 0, 0, 3, 1}};
    uint8_t never[3] = {0};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct message_leases leases = {.count = 1, .leases = &bad[i]};
        if (bad[i].sampled) {
            leases.repeats = never;
            leases.repeat_count = bad[i].count;
        }
        struct lane *stream;
        struct error error = {0};
        assert_int_equal(lane_create(&leases, fixture->manifests, DATASETS, SEED, &stream, &error),
                         STATUS_INTERNAL);
        assert_true(error.what[0] != '\0');
    }
}

static float value_of(uint64_t id, int y, int x, int c)
{
    uint8_t pixel = pixel_of((size_t)(id >> 40), (uint32_t)id, y, x, c);
    return ((float)pixel - 127.5f) / 127.5f;
}

static int clamped(int place)
{
    return place < 0 ? 0 : place >= SIDE ? SIDE - 1 : place;
}

static bool is_moved(const float *values, uint64_t id, bool flip, int across, int down)
{
    for (int y = 0; y < SIDE; y++) {
        for (int x = 0; x < SIDE; x++) {
            int source = clamped(x + across);
            for (int c = 0; c < 3; c++) {
                if (values[(y * SIDE + x) * 3 + c] !=
                    value_of(id, clamped(y + down), flip ? SIDE - 1 - source : source, c)) {
                    return false;
                }
            }
        }
    }
    return true;
}

static void give(struct loader *loader, int64_t epoch, int lanes, int64_t skip, int64_t use)
{
    for (int lane = 0; lane < lanes; lane++) {
        struct message_leases leases = leases_of(epoch, lane);
        assert_int_equal(loader_set_leases(loader, &leases, skip, use, NULL), STATUS_OK);
    }
}

/* Two epochs through the queue: ids in the lanes' order, labels and pixels those of the images. */
static void test_loader_delivers_the_order(void **state)
{
    const struct fixture *fixture = *state;
    struct loader_config config = config_of(fixture);
    struct loader *loader;
    assert_int_equal(loader_create(&config, &loader, NULL), STATUS_OK);
    give(loader, 0, 2, 0, 56);
    give(loader, 1, 2, 0, 56);
    for (int64_t epoch = 0; epoch < 2; epoch++) {
        uint64_t ids[2][56];
        order_of(fixture, epoch, 0, SEED, 56, ids[0]);
        order_of(fixture, epoch, 1, SEED, 56, ids[1]);
        for (int m = 0; m < 56 / BATCH; m++) {
            for (int lane = 0; lane < 2; lane++) {
                const struct micro_batch *batch;
                assert_int_equal(loader_next(loader, lane, NULL, NULL, &batch, NULL), STATUS_OK);
                assert_int_equal(batch->lane, lane);
                assert_int_equal(batch->epoch, epoch);
                for (int i = 0; i < BATCH; i++) {
                    uint64_t id = ids[lane][m * BATCH + i];
                    assert_int_equal(batch->sample[i].id, id);
                    assert_int_equal(batch->sample[i].dataset, id >> 40);
                    assert_int_equal(batch->sample[i].label, label_of((size_t)(id >> 40), (uint32_t)id));
                    assert_true(is_moved(batch->image + (size_t)i * VALUES, id, false, 0, 0));
                }
                loader_release(loader, batch);
            }
        }
    }
    const struct micro_batch *batch;
    struct error error;
    assert_int_equal(loader_next(loader, 0, NULL, NULL, &batch, &error), STATUS_INTERNAL);
    assert_non_null(strstr(error.what, "end of its leases"));
    loader_free(loader);
}

static void test_skip_steps_into_the_stream(void **state)
{
    const struct fixture *fixture = *state;
    struct loader_config config = config_of(fixture);
    struct loader *loader;
    uint64_t ids[56];
    order_of(fixture, 5, 1, SEED, 56, ids);
    assert_int_equal(loader_create(&config, &loader, NULL), STATUS_OK);
    give(loader, 5, 2, 40, 56);
    for (int m = 0; m < 4; m++) {
        for (int lane = 0; lane < 2; lane++) {
            const struct micro_batch *batch;
            assert_int_equal(loader_next(loader, lane, NULL, NULL, &batch, NULL), STATUS_OK);
            for (int i = 0; i < BATCH && lane == 1; i++) {
                assert_int_equal(batch->sample[i].id, ids[40 + m * BATCH + i]);
            }
            loader_release(loader, batch);
        }
    }
    loader_free(loader);
}

/* Flip and shift as drawn: among all that are allowed exactly what is found; both mirrors and all shifts
 * occur; and a worker with one lane draws as one with two. */
static void test_augmentation_depends_on_the_sample_alone(void **state)
{
    const struct fixture *fixture = *state;
    struct loader_config both = config_of(fixture), second = config_of(fixture);
    struct loader *loader, *other;
    int flips = 0, seen[3][3] = {{0}};
    const struct config_augment moved[DATASETS] = {{.flip = true, .shift = 1}, {.flip = true, .shift = 1}};
    both.augment = second.augment = moved;
    second.first_lane = 1;
    second.lanes = 1;
    struct message_leases leases = leases_of(0, 1);
    assert_int_equal(loader_create(&both, &loader, NULL), STATUS_OK);
    assert_int_equal(loader_create(&second, &other, NULL), STATUS_OK);
    /* HDF5 serves one thread at a time: the second begins when the first has read all. */
    give(loader, 0, 2, 0, 56);
    float *kept = malloc(56 * VALUES * sizeof *kept);
    for (int m = 0; m < 2 * 56 / BATCH; m++) {
        const struct micro_batch *batch;
        assert_int_equal(loader_next(loader, m % 2, NULL, NULL, &batch, NULL), STATUS_OK);
        for (int i = 0; i < BATCH; i++) {
            int matches = 0;
            for (int t = 0; t < 18; t++) {
                bool flip = t >= 9;
                if (is_moved(batch->image + (size_t)i * VALUES, batch->sample[i].id, flip, t / 3 % 3 - 1,
                             t % 3 - 1)) {
                    matches++;
                    flips += flip;
                    seen[t / 3 % 3][t % 3]++;
                }
            }
            assert_int_equal(matches, 1);
        }
        if (m % 2 == 1) {
            memcpy(kept + (size_t)(m / 2) * BATCH * VALUES, batch->image, BATCH * VALUES * sizeof *kept);
        }
        loader_release(loader, batch);
    }
    loader_free(loader);
    assert_in_range(flips, 30, 82); /* of 112, p = 1/2: five standard deviations */
    for (int t = 0; t < 9; t++) {
        assert_true(seen[t / 3][t % 3] > 0);
    }
    assert_int_equal(loader_set_leases(other, &leases, 0, 56, NULL), STATUS_OK);
    for (int m = 0; m < 56 / BATCH; m++) {
        const struct micro_batch *batch;
        assert_int_equal(loader_next(other, 1, NULL, NULL, &batch, NULL), STATUS_OK);
        assert_memory_equal(kept + (size_t)m * BATCH * VALUES, batch->image, BATCH * VALUES * sizeof *kept);
        loader_release(other, batch);
    }
    loader_free(other);
    free(kept);
}

/* Changes one byte of the first place where `needle` stands in a file. */
static void damage(const char *path, const uint8_t *needle, size_t size)
{
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    uint8_t *bytes = malloc(1 << 20);
    size_t length = fread(bytes, 1, 1 << 20, file);
    uint8_t *place = memmem(bytes, length, needle, size);
    assert_non_null(place);
    fseek(file, (long)(place - bytes) + (long)size / 2, SEEK_SET);
    fputc(place[size / 2] ^ 1, file);
    fclose(file);
    free(bytes);
}

static void damage_image(const struct fixture *fixture, size_t dataset, uint32_t index, uint32_t image)
{
    struct shard shard;
    char path[400];
    snprintf(path, sizeof path, "%s/%s", fixture->directory, fixture->shards[dataset][index].file);
    assert_int_equal(shard_open(path, &shard, NULL), STATUS_OK);
    size_t size = (size_t)(shard.offset[image + 1] - shard.offset[image]);
    uint8_t *bytes = malloc(size);
    assert_int_equal(shard_read(&shard, image, 1, bytes, NULL), STATUS_OK);
    shard_close(&shard);
    damage(path, bytes, size);
    free(bytes);
}

/* A damaged image stops the stream at its micro-batch and not before, and is named. */
static void test_damaged_image_is_named(void **state)
{
    const struct fixture *fixture = *state;
    struct loader_config config = config_of(fixture);
    struct loader *loader;
    uint64_t ids[56];
    int place = 0;
    damage_image(fixture, 1, 1, 13);
    order_of(fixture, 0, 0, SEED, 56, ids);
    while (place < 56 && ids[place] != ((uint64_t)1 << 40) + 30 + 13) {
        place++;
    }
    config.lanes = 1;
    assert_int_equal(loader_create(&config, &loader, NULL), STATUS_OK);
    give(loader, 0, 1, 0, 56);
    const struct micro_batch *batch;
    struct error error = {0};
    for (int m = 0; m < place / BATCH; m++) {
        assert_int_equal(loader_next(loader, 0, NULL, NULL, &batch, NULL), STATUS_OK);
        loader_release(loader, batch);
    }
    assert_int_equal(loader_next(loader, 0, NULL, NULL, &batch, &error), STATUS_DATA);
    assert_non_null(strstr(error.where, "set1-00001.h5"));
    char line[ERROR_LINE_SIZE];
    assert_non_null(strstr(error_format(&error, line, sizeof line), "13"));
    loader_free(loader);
}

/* Where it may be left out another one of its lease stands in, and all others stay where they are. */
static void test_damaged_image_is_left_out(void **state)
{
    const struct fixture *fixture = *state;
    struct loader_config config = config_of(fixture);
    struct loader *loader;
    struct loader_notice notice;
    uint64_t ids[56];
    const uint64_t bad = ((uint64_t)1 << 40) + 30 + 13;
    damage_image(fixture, 1, 1, 13);
    order_of(fixture, 0, 0, SEED, 56, ids);
    config.lanes = 1;
    config.leave_out = true;
    assert_int_equal(loader_create(&config, &loader, NULL), STATUS_OK);
    give(loader, 0, 1, 0, 56);
    for (int m = 0; m < 56 / BATCH; m++) {
        const struct micro_batch *batch;
        assert_int_equal(loader_next(loader, 0, NULL, NULL, &batch, NULL), STATUS_OK);
        for (int i = 0; i < BATCH; i++) {
            uint64_t id = batch->sample[i].id, planned = ids[m * BATCH + i];
            assert_true(planned == bad ? id != bad && id >> 40 == 1 : id == planned);
        }
        loader_release(loader, batch);
    }
    assert_true(loader_take_notice(loader, &notice));
    assert_true(notice.bad && notice.sample == bad);
    assert_non_null(strstr(notice.text, "set1-00001.h5"));
    assert_false(loader_take_notice(loader, &notice));
    loader_free(loader);
}

/* Freed at whatever point: never used, mid-way, with a micro-batch taken. */
static void test_free_at_any_time(void **state)
{
    const struct fixture *fixture = *state;
    struct loader_config config = config_of(fixture);
    for (int point = 0; point < 12; point++) {
        struct loader *loader;
        const struct micro_batch *batch;
        assert_int_equal(loader_create(&config, &loader, NULL), STATUS_OK);
        if (point > 0) {
            give(loader, 0, 2, 0, 56);
        }
        for (int m = 2; m < point; m++) {
            assert_int_equal(loader_next(loader, m % 2, NULL, NULL, &batch, NULL), STATUS_OK);
            if (m + 1 < point) {
                loader_release(loader, batch);
            }
        }
        nanosleep(&(struct timespec){.tv_nsec = 200000 * point}, NULL);
        loader_free(loader);
    }
    loader_free(NULL);
}

static void test_misuse_is_an_error_and_no_deadlock(void **state)
{
    const struct fixture *fixture = *state;
    struct loader_config config = config_of(fixture);
    struct loader *loader;
    const struct micro_batch *batch;
    struct message_leases leases = leases_of(0, 0);
    assert_int_equal(loader_create(&config, &loader, NULL), STATUS_OK);
    assert_int_equal(loader_next(loader, 0, NULL, NULL, &batch, NULL), STATUS_INTERNAL);
    assert_int_equal(loader_set_leases(loader, &leases, 0, 60, NULL), STATUS_INTERNAL);
    assert_int_equal(loader_set_leases(loader, &leases, 1, 56, NULL), STATUS_INTERNAL);
    assert_int_equal(loader_set_leases(loader, &leases, 0, 56, NULL), STATUS_OK);
    assert_int_equal(loader_set_leases(loader, &leases, 0, 56, NULL), STATUS_INTERNAL);
    leases.lane = 2;
    assert_int_equal(loader_set_leases(loader, &leases, 0, 56, NULL), STATUS_INTERNAL);
    leases = leases_of(0, 1);
    assert_int_equal(loader_set_leases(loader, &leases, 0, 56, NULL), STATUS_OK);
    assert_int_equal(loader_next(loader, 2, NULL, NULL, &batch, NULL), STATUS_INTERNAL);
    /* Lane 1 alone: after what is queued the thread waits for lane 0, for ever. */
    assert_int_equal(loader_next(loader, 1, NULL, NULL, &batch, NULL), STATUS_OK);
    loader_release(loader, batch);
    assert_int_equal(loader_next(loader, 1, NULL, NULL, &batch, NULL), STATUS_OK);
    loader_release(loader, batch);
    assert_int_equal(loader_next(loader, 1, NULL, NULL, &batch, NULL), STATUS_INTERNAL);
    loader_free(loader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_order_holds_each_image_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_leases_count_what_is_left, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_order_keeps_leases_together, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_order_depends_on_its_key_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_order_mixes_datasets_evenly, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_sampled_leases_repeat_images, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bad_leases_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_loader_delivers_the_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_skip_steps_into_the_stream, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_augmentation_depends_on_the_sample_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_damaged_image_is_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_damaged_image_is_left_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_free_at_any_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_misuse_is_an_error_and_no_deadlock, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
