/* The order of a lane: every image that its leases have, mixed, and the same from the same key. */
#include "tests/unit/loader_scratch.h"

#include <math.h>

/* The images of shard 0 of dataset 0 that a run leaves out: the lanes' leases are of the eight others. */
static uint32_t left_out[] = {0, 4, 10};
static struct message_lease kept_leases[2] = {{0, 0, 0, 5, 0}, {0, 0, 5, 3, 0}};

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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
