/* worker/blame.h: what is not finite is traced to the first lane, and to samples by what shows it. */
#include "worker/blame.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT 6
#define PIXELS 12
#define WIDTH 5

struct lane_data {
    float image[COUNT * PIXELS], embedding[COUNT * WIDTH], gradient[COUNT * WIDTH], weights[7];
    struct sample sample[COUNT];
    struct micro_batch batch;
};

static struct manifest_shard shards[2] = {{.file = "b-0.h5", .images = 10}, {.file = "b-1.h5", .images = 10}};
static const struct manifest manifests[2] = {{.name = "a"},
                                             {.name = "b", .shards = shards, .shard_count = 2}};

static void make(struct lane_data *data, int lane)
{
    memset(data, 0, sizeof *data);
    for (int i = 0; i < COUNT * PIXELS; i++) {
        data->image[i] = 3e38f; /* finite, though their sum is not */
    }
    for (int i = 0; i < COUNT; i++) {
        data->sample[i].id = (UINT64_C(1) << 40) + 8 + (uint64_t)i;
    }
    data->batch = (struct micro_batch){.lane = lane, .image = data->image, .sample = data->sample};
}

static void look(struct blame *blame, const struct lane_data *data)
{
    blame_forward(blame, &data->batch, PIXELS, COUNT, data->embedding, WIDTH);
    blame_losses(blame, &data->batch, COUNT, data->gradient, WIDTH);
    blame_backward(blame, &data->batch, COUNT, data->weights, 7);
}

static const char *told(const struct blame *blame)
{
    static char text[256];
    blame_describe(blame, manifests, 2, text, sizeof text);
    return text;
}

static void nobody_is_blamed_for_finite_numbers(void **state)
{
    struct blame blame = {0};
    struct lane_data data;
    (void)state;
    make(&data, 3);
    look(&blame, &data);
    assert_int_equal(blame.lanes, 0);
}

static void pixels_come_before_what_they_spoil(void **state)
{
    struct blame blame = {0};
    struct lane_data data;
    (void)state;
    make(&data, 3);
    data.image[3 * PIXELS + 7] = NAN;
    for (int i = 0; i < COUNT * WIDTH; i++) {
        data.embedding[i] = data.gradient[i] = NAN;
    }
    data.weights[0] = NAN;
    look(&blame, &data);
    assert_int_equal(blame.lanes, 1);
    assert_string_equal(told(&blame), "lane 3, in the pixels of image 11 of b (b-1.h5, image 1)");
}

static void samples_are_those_that_show_it(void **state)
{
    struct blame blame = {0}, losses = {0}, backward = {0};
    struct lane_data data;
    (void)state;
    make(&data, 0);
    data.embedding[1 * WIDTH] = INFINITY;
    data.embedding[4 * WIDTH + 4] = -INFINITY;
    look(&blame, &data);
    assert_string_equal(told(&blame),
                        "lane 0, in the forward pass of image 9 of b (b-0.h5, image 9), image 12 of b "
                        "(b-1.h5, image 2)");
    make(&data, 0);
    data.gradient[5 * WIDTH] = NAN;
    look(&losses, &data);
    assert_string_equal(told(&losses), "lane 0, in the losses of image 13 of b (b-1.h5, image 3)");
    make(&data, 2);
    data.weights[6] = INFINITY;
    look(&backward, &data);
    assert_int_equal(backward.samples, COUNT);
    assert_non_null(strstr(told(&backward), "lane 2, in the backward pass of image 8 of b"));
    assert_non_null(strstr(told(&backward), " and 2 more"));
}

/* The gradient sums over the lanes: once it is bad, it says nothing of those that follow. */
static void each_lane_counts_once(void **state)
{
    struct blame blame = {0};
    struct lane_data data;
    (void)state;
    for (int lane = 4; lane < 8; lane++) {
        make(&data, lane);
        data.weights[0] = lane > 4 ? NAN : 0;
        if (lane == 5 || lane == 7) {
            data.embedding[0] = data.gradient[0] = NAN;
        }
        look(&blame, &data);
    }
    assert_int_equal(blame.lanes, 2);
    assert_int_equal(blame.lane, 5);
    assert_int_equal(blame.samples, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_is_blamed_for_finite_numbers),
        cmocka_unit_test(pixels_come_before_what_they_spoil),
        cmocka_unit_test(samples_are_those_that_show_it),
        cmocka_unit_test(each_lane_counts_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
