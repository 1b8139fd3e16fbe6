/* daemon/plan: properties of the lease plan over random sizes, and of what an epoch takes. */
#include "daemon/plan/plan.h"

#include "daemon/plan/sampling.h"
#include "proto/random.h"

#include <stdbool.h>

#include <math.h>
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
    uint32_t *repeats[DATASETS_MAX]; /* how often each image is due; NULL: once */
    size_t count;
    int lanes;
};

/* Sizes from a few images to tens of thousands, now and then an empty shard. */
static void draw_shapes(struct random *random, struct shapes *shapes)
{
    static const uint32_t bounds[] = {5, 60, 1025, 5000, 20000};
    shapes->count = random_below(random, DATASETS_MAX) + 1;
    shapes->lanes = (int)random_below(random, 17) + 1;
    memset(shapes->repeats, 0, sizeof shapes->repeats);
    for (size_t k = 0; k < shapes->count; k++) {
        uint32_t bound = bounds[random_below(random, 5)];
        shapes->datasets[k] = (struct plan_dataset){.images = shapes->images[k],
                                                    .shards = random_below(random, SHARDS_MAX) + 1};
        for (uint32_t i = 0; i < shapes->datasets[k].shards; i++) {
            shapes->images[k][i] = random_below(random, bound);
        }
    }
}

/* How often images are due: mostly once or never, some often, and some more often than a byte holds. */
static void draw_repeats(struct random *random, struct shapes *shapes)
{
    for (size_t k = 0; k < shapes->count; k++) {
        uint64_t images = 0;
        for (uint32_t i = 0; i < shapes->datasets[k].shards; i++) {
            images += shapes->images[k][i];
        }
        shapes->repeats[k] = random_below(random, 4) == 0 ? NULL : malloc((images + 1) * sizeof(uint32_t));
        for (uint64_t i = 0; shapes->repeats[k] && i < images; i++) {
            const uint32_t kind = random_below(random, 100);
            shapes->repeats[k][i] = kind < 60   ? 0
                                    : kind < 90 ? 1
                                    : kind < 99 ? kind - 88
                                                : random_below(random, 1000);
        }
        shapes->datasets[k].repeats = shapes->repeats[k];
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

/* Every image exactly as often as it is due, every lease within its shard and of allowed size. */
static void check_cover(const struct shapes *shapes, const struct plan *plan)
{
    uint32_t *seen[DATASETS_MAX][SHARDS_MAX];
    for (size_t k = 0; k < shapes->count; k++) {
        for (uint32_t i = 0; i < shapes->datasets[k].shards; i++) {
            seen[k][i] = calloc(shapes->images[k][i] + 1, sizeof *seen[k][i]);
        }
    }
    for (int l = 0; l < plan->lanes; l++) {
        assert_int_equal(plan->lane[l].lane, l);
        assert_int_equal(plan->lane[l].epoch, plan->epoch);
        const uint8_t *repeats = plan->lane[l].repeats;
        for (uint32_t i = 0; i < plan->lane[l].count; i++) {
            const struct message_lease *lease = &plan->lane[l].leases[i];
            assert_true(lease->dataset < shapes->count);
            assert_true(lease->shard < shapes->datasets[lease->dataset].shards);
            assert_in_range(lease->count, 1, PLAN_LEASE_IMAGES);
            assert_true((uint64_t)lease->begin + lease->count <=
                        shapes->images[lease->dataset][lease->shard]);
            for (uint32_t image = 0; image < lease->count; image++) {
                seen[lease->dataset][lease->shard][lease->begin + image] +=
                    lease->sampled ? repeats[image] : 1;
            }
            assert_true(lease->sampled == (shapes->repeats[lease->dataset] != NULL));
            assert_true(!lease->sampled || (repeats[0] > 0 && repeats[lease->count - 1] > 0));
            repeats += lease->sampled ? lease->count : 0;
        }
        assert_true(plan->lane[l].repeat_count == (repeats ? repeats - plan->lane[l].repeats : 0));
    }
    for (size_t k = 0; k < shapes->count; k++) {
        const uint32_t *due = shapes->repeats[k];
        for (uint32_t i = 0; i < shapes->datasets[k].shards; i++) {
            for (uint32_t image = 0; image < shapes->images[k][i]; image++) {
                assert_int_equal(seen[k][i][image], due ? *due++ : 1);
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
            const uint8_t *repeats = plan->lane[l].repeats;
            for (uint32_t i = 0; i < plan->lane[l].count; i++) {
                const struct message_lease *lease = &plan->lane[l].leases[i];
                const bool counts = k == shapes->count || lease->dataset == k;
                for (uint32_t image = 0; image < lease->count; image++) {
                    images += !counts ? 0 : lease->sampled ? *repeats : 1;
                    repeats += lease->sampled;
                }
            }
            least = images < least ? images : least;
            most = images > most ? images : most;
            assert_true(k < shapes->count || images == message_leases_images(&plan->lane[l]));
        }
        assert_true(most - least <= 1);
    }
}

static bool same_plan(const struct plan *a, const struct plan *b)
{
    for (int l = 0; l < a->lanes; l++) {
        size_t bytes = a->lane[l].count * sizeof(struct message_lease);
        const uint32_t repeats = a->lane[l].repeat_count;
        if (a->lane[l].count != b->lane[l].count || repeats != b->lane[l].repeat_count ||
            (repeats > 0 && memcmp(a->lane[l].repeats, b->lane[l].repeats, repeats) != 0) ||
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
        if (i % 2 == 1) {
            draw_repeats(&random, &shapes);
        }
        struct plan plan = make(&shapes, random_u64(&random), i);
        check_cover(&shapes, &plan);
        check_balance(&shapes, &plan);
        plan_free(&plan);
        for (size_t k = 0; k < shapes.count; k++) {
            free(shapes.repeats[k]);
        }
    }
}

static void depends_on_seed_and_epoch_alone(void **state)
{
    (void)state;
    struct shapes shapes = {.images = {{4000, 3000, 1}, {700, 900}}, .count = 2, .lanes = 4};
    shapes.datasets[0] = (struct plan_dataset){.images = shapes.images[0], .shards = 3};
    shapes.datasets[1] = (struct plan_dataset){.images = shapes.images[1], .shards = 2};
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
    shapes.datasets[0] = (struct plan_dataset){.images = shapes.images[0], .shards = 2};
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
    struct plan_dataset dataset = {.images = &images, .shards = 1};
    struct plan plan;
    struct error error;
    assert_int_equal(plan_make(&dataset, 1, 1, 1, 0, &plan, &error), STATUS_USAGE);
    assert_non_null(strstr(error.next, "data.lanes"));
    assert_null(plan.lane);
    assert_int_equal(plan_make(&dataset, 1, 512, 1, 0, &plan, &error), STATUS_OK);
    assert_true(plan.lane[0].count <= MESSAGE_LEASES_MAX);
    plan_free(&plan);
}

#define PEOPLE 13
#define CLASSES 15 /* two of which have no image */
#define LABELS 611

/* A dataset whose people have from one image to half of all. */
static struct sampling sampling_of(enum config_sampling kind, uint32_t cap, uint32_t *count)
{
    uint32_t *label = malloc(LABELS * sizeof *label);
    struct sampling sampling;
    struct random random = random_stream(4, RANDOM_SYNTH, 0, 0);
    memset(count, 0, CLASSES * sizeof *count);
    for (uint32_t i = 0; i < LABELS; i++) {
        const uint32_t drawn = random_below(&random, 2) ? 3 : random_below(&random, CLASSES - 2);
        label[i] = i < PEOPLE ? i : drawn == 11 ? 10 : drawn;
    }
    random_shuffle(&random, label, LABELS);
    for (uint32_t i = 0; i < LABELS; i++) {
        label[i] += label[i] >= 6; /* nobody is 6, nor 14 */
        count[label[i]]++;
    }
    assert_int_equal(sampling_make(kind, cap, 2, label, LABELS, CLASSES, &sampling, NULL), STATUS_OK);
    return sampling;
}

/* As many draws of each person, within one, and over the epochs every image as often as each other of its person. */
static void balanced_gives_each_person_as_much(void **state)
{
    (void)state;
    static uint32_t repeats[LABELS], total[LABELS];
    uint32_t count[CLASSES];
    struct sampling sampling = sampling_of(CONFIG_SAMPLING_BALANCED, 1, count);
    assert_int_equal(sampling.people, PEOPLE);
    assert_int_equal(sampling.epoch_images, LABELS);
    memset(total, 0, sizeof total);
    for (int64_t epoch = 0; epoch < 40; epoch++) {
        uint32_t due[CLASSES] = {0}, all = 0, least[CLASSES], most[CLASSES] = {0};
        sampling_draw(&sampling, 9, epoch, repeats);
        memset(least, 0xff, sizeof least);
        for (uint32_t i = 0; i < LABELS; i++) {
            const uint32_t class = sampling.label[i];
            due[class] += repeats[i];
            total[i] += repeats[i];
            all += repeats[i];
            least[class] = total[i] < least[class] ? total[i] : least[class];
            most[class] = total[i] > most[class] ? total[i] : most[class];
        }
        assert_int_equal(all, LABELS);
        for (uint32_t c = 0; c < CLASSES; c++) {
            assert_true(count[c] == 0 ? due[c] == 0
                                      : due[c] == LABELS / PEOPLE || due[c] == LABELS / PEOPLE + 1);
            assert_true(count[c] == 0 || most[c] - least[c] <= 1);
        }
    }
    sampling_close(&sampling);
}

/* No more than the cap of each, all of who has fewer, other ones in each epoch, each image as often as its chance. */
static void capped_draws_some_of_each_person(void **state)
{
    (void)state;
    enum { CAP = 20, EPOCHS = 400 };
    static uint32_t repeats[LABELS], before[LABELS], total[LABELS];
    uint32_t count[CLASSES], other = 0, expected = 0;
    struct sampling sampling = sampling_of(CONFIG_SAMPLING_CAPPED, CAP, count);
    memset(total, 0, sizeof total);
    for (uint32_t c = 0; c < CLASSES; c++) {
        expected += count[c] < CAP ? count[c] : CAP;
    }
    assert_int_equal(sampling.epoch_images, expected);
    assert_true(sampling.most == CAP && sampling.least < CAP && sampling.least > 0);
    for (int64_t epoch = 0; epoch < EPOCHS; epoch++) {
        uint32_t due[CLASSES] = {0};
        sampling_draw(&sampling, 9, epoch, repeats);
        for (uint32_t i = 0; i < LABELS; i++) {
            assert_true(repeats[i] <= 1);
            due[sampling.label[i]] += repeats[i];
            total[i] += repeats[i];
            other += epoch > 0 && repeats[i] != before[i];
        }
        for (uint32_t c = 0; c < CLASSES; c++) {
            assert_int_equal(due[c], count[c] < CAP ? count[c] : CAP);
        }
        memcpy(before, repeats, sizeof before);
    }
    assert_true(other > 0);
    for (uint32_t i = 0; i < LABELS; i++) {
        const uint32_t n = count[sampling.label[i]];
        const double chance = n < CAP ? 1 : (double)CAP / n, deviation = sqrt(chance * (1 - chance) * EPOCHS);
        assert_true(fabs(total[i] - chance * EPOCHS) <= 5 * deviation);
    }
    sampling_draw(&sampling, 10, EPOCHS - 1, repeats);
    assert_memory_not_equal(repeats, before, sizeof repeats);
    sampling_draw(&sampling, 9, EPOCHS - 1, repeats);
    assert_memory_equal(repeats, before, sizeof repeats);
    sampling_close(&sampling);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(covers_and_balances_any_sizes),
        cmocka_unit_test(depends_on_seed_and_epoch_alone),
        cmocka_unit_test(moves_images_between_lanes),
        cmocka_unit_test(refuses_more_leases_than_a_message_holds),
        cmocka_unit_test(balanced_gives_each_person_as_much),
        cmocka_unit_test(capped_draws_some_of_each_person),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
