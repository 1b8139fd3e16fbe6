/* daemon/coordinator/plan.h: properties of the lease plan over random sizes. */
#include "daemon/coordinator/plan.h"

#include "proto/random.h"

#include <stdbool.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define DATASETS_MAX 6
#define SHARDS_MAX 9
#define CASES 300

struct shapes {
    uint32_t images[DATASETS_MAX][SHARDS_MAX];
    struct plan_dataset datasets[DATASETS_MAX];
    size_t count;
    int lanes;
};

/* Sizes from a few images to tens of thousands, now and then an empty shard. */
static void draw_shapes(struct random *random, struct shapes *shapes)
{
    static const uint32_t bounds[] = {5, 60, 1025, 5000, 20000};
    shapes->count = random_below(random, DATASETS_MAX) + 1;
    shapes->lanes = (int)random_below(random, 17) + 1;
    for (size_t k = 0; k < shapes->count; k++) {
        uint32_t bound = bounds[random_below(random, 5)];
        shapes->datasets[k] = (struct plan_dataset){.images = shapes->images[k],
                                                    .shards = random_below(random, SHARDS_MAX) + 1};
        for (uint32_t i = 0; i < shapes->datasets[k].shards; i++) {
            shapes->images[k][i] = random_below(random, bound);
        }
    }
}

static struct plan make(const struct shapes *shapes, uint64_t seed, int64_t epoch)
{
    struct plan plan;
    struct error error;
    assert_int_equal(plan_make(shapes->datasets, shapes->count, shapes->lanes, seed, epoch, &plan, &error),
                     STATUS_OK);
    return plan;
}

/* Every image exactly once, every lease within its shard and of allowed size. */
static void check_cover(const struct shapes *shapes, const struct plan *plan)
{
    unsigned char *seen[DATASETS_MAX][SHARDS_MAX];
    for (size_t k = 0; k < shapes->count; k++) {
        for (uint32_t i = 0; i < shapes->datasets[k].shards; i++) {
            seen[k][i] = calloc(shapes->images[k][i] + 1, 1);
        }
    }
    for (int l = 0; l < plan->lanes; l++) {
        assert_int_equal(plan->lane[l].lane, l);
        assert_int_equal(plan->lane[l].epoch, plan->epoch);
        for (uint32_t i = 0; i < plan->lane[l].count; i++) {
            const struct message_lease *lease = &plan->lane[l].leases[i];
            assert_true(lease->dataset < shapes->count);
            assert_true(lease->shard < shapes->datasets[lease->dataset].shards);
            assert_in_range(lease->count, 1, PLAN_LEASE_IMAGES);
            assert_true((uint64_t)lease->begin + lease->count <=
                        shapes->images[lease->dataset][lease->shard]);
            for (uint32_t image = 0; image < lease->count; image++) {
                seen[lease->dataset][lease->shard][lease->begin + image]++;
            }
        }
    }
    for (size_t k = 0; k < shapes->count; k++) {
        for (uint32_t i = 0; i < shapes->datasets[k].shards; i++) {
            for (uint32_t image = 0; image < shapes->images[k][i]; image++) {
                assert_int_equal(seen[k][i][image], 1);
            }
            free(seen[k][i]);
        }
    }
}

/* Images per lane within one, in all and of each dataset. */
static void check_balance(const struct shapes *shapes, const struct plan *plan)
{
    for (size_t k = 0; k <= shapes->count; k++) {
        int64_t least = INT64_MAX, most = 0;
        for (int l = 0; l < plan->lanes; l++) {
            int64_t images = 0;
            for (uint32_t i = 0; i < plan->lane[l].count; i++) {
                const struct message_lease *lease = &plan->lane[l].leases[i];
                images += k == shapes->count || lease->dataset == k ? lease->count : 0;
            }
            least = images < least ? images : least;
            most = images > most ? images : most;
            assert_true(k < shapes->count || images == plan_lane_images(&plan->lane[l]));
        }
        assert_true(most - least <= 1);
    }
}

static bool same_plan(const struct plan *a, const struct plan *b)
{
    for (int l = 0; l < a->lanes; l++) {
        size_t bytes = a->lane[l].count * sizeof(struct message_lease);
        if (a->lane[l].count != b->lane[l].count ||
            (bytes > 0 && memcmp(a->lane[l].leases, b->lane[l].leases, bytes) != 0)) {
            return false;
        }
    }
    return true;
}

static void covers_and_balances_any_sizes(void **state)
{
    (void)state;
    struct random random = random_stream(1, RANDOM_SYNTH, 0, 0);
    for (int i = 0; i < CASES; i++) {
        struct shapes shapes;
        draw_shapes(&random, &shapes);
        struct plan plan = make(&shapes, random_u64(&random), i);
        check_cover(&shapes, &plan);
        check_balance(&shapes, &plan);
        plan_free(&plan);
    }
}

static void depends_on_seed_and_epoch_alone(void **state)
{
    (void)state;
    struct shapes shapes = {.images = {{4000, 3000, 1}, {700, 900}}, .count = 2, .lanes = 4};
    shapes.datasets[0] = (struct plan_dataset){shapes.images[0], 3};
    shapes.datasets[1] = (struct plan_dataset){shapes.images[1], 2};
    struct plan plan = make(&shapes, 5, 3), again = make(&shapes, 5, 3);
    struct plan next = make(&shapes, 5, 4), other = make(&shapes, 6, 3);
    assert_true(same_plan(&plan, &again));
    assert_false(same_plan(&plan, &next));
    assert_false(same_plan(&plan, &other));
    plan_free(&plan);
    plan_free(&again);
    plan_free(&next);
    plan_free(&other);
}

/* A lane does not get the same part of a dataset in every epoch. */
static void moves_images_between_lanes(void **state)
{
    (void)state;
    struct shapes shapes = {.images = {{1000, 1000}}, .count = 1, .lanes = 2};
    shapes.datasets[0] = (struct plan_dataset){shapes.images[0], 2};
    int first_lane = 0, epochs = 64;
    for (int epoch = 0; epoch < epochs; epoch++) {
        struct plan plan = make(&shapes, 9, epoch);
        for (uint32_t i = 0; i < plan.lane[0].count; i++) {
            const struct message_lease *lease = &plan.lane[0].leases[i];
            first_lane += lease->shard == 0 && lease->begin <= 500 && 500 < lease->begin + lease->count;
        }
        plan_free(&plan);
    }
    assert_in_range(first_lane, 16, 48); /* of 64 fair draws: mean 32, deviation 4 */
}

static void refuses_more_leases_than_a_message_holds(void **state)
{
    (void)state;
    uint32_t images = 0xfffff000u;
    struct plan_dataset dataset = {&images, 1};
    struct plan plan;
    struct error error;
    assert_int_equal(plan_make(&dataset, 1, 1, 1, 0, &plan, &error), STATUS_USAGE);
    assert_non_null(strstr(error.next, "data.lanes"));
    assert_null(plan.lane);
    assert_int_equal(plan_make(&dataset, 1, 512, 1, 0, &plan, &error), STATUS_OK);
    assert_true(plan.lane[0].count <= MESSAGE_LEASES_MAX);
    plan_free(&plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(covers_and_balances_any_sizes),
        cmocka_unit_test(depends_on_seed_and_epoch_alone),
        cmocka_unit_test(moves_images_between_lanes),
        cmocka_unit_test(refuses_more_leases_than_a_message_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
