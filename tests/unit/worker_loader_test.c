/* The loader: the lanes' images in their order, altered, and what becomes of damaged ones. */
#include "tests/unit/loader_scratch.h"

#include <math.h>
#include <time.h>

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
