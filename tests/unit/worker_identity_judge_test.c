/* worker/identity: lists against all cosines, the judge against numpy in float64 (tests/oracle/make_judge.py), groups,
 * and that threads and blocks change nothing. */
#include "worker/identity/judge.h"

#include "proto/random.h"
#include "tests/oracle/judge.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define DATASETS (sizeof judge_classes / sizeof *judge_classes)

struct world {
    uint64_t first[DATASETS + 1];
    struct centre_space space;
    float *rows;
    struct neighbour_lists lists;
    struct judgement judgement;
};

static void begin(struct world *world)
{
    *world = (struct world){.space = {.datasets = DATASETS, .embedding = judge_embedding}};
    for (size_t k = 0; k < DATASETS; k++) {
        world->first[k + 1] = world->first[k] + judge_classes[k];
    }
    world->space.first_class = world->first;
    world->rows = calloc(world->first[DATASETS] * judge_embedding, sizeof *world->rows);
    for (size_t i = 0; i < world->first[DATASETS] * judge_embedding; i++) {
        world->rows[i] = judge_centres[i];
    }
}

static void prepare(struct world *world)
{
    double sums[DATASETS * judge_embedding] = {0};
    uint64_t counts[DATASETS] = {0}, broken;
    struct centre_block all = {world->rows, 0, (uint32_t)world->first[DATASETS]};
    assert_true(centre_add_to_sums(&world->space, &all, sums, counts, &broken));
    centre_prepare(&world->space, sums, counts, &all, 2);
}

/* Lists of the prepared centres, by blocks of so many rows. */
static void find_nearest(struct world *world, uint32_t block, int threads)
{
    struct error error;
    const uint32_t all = (uint32_t)world->first[DATASETS];
    assert_int_equal(neighbour_lists_create(&world->space, 0, all, &world->lists, &error), STATUS_OK);
    for (uint32_t i = 0; i < all; i += block) {
        for (uint32_t j = 0; j < all; j += block) {
            const struct centre_block own = {world->rows + (size_t)i * judge_embedding, i,
                                             all - i < block ? all - i : block};
            const struct centre_block offered = {world->rows + (size_t)j * judge_embedding, j,
                                                 all - j < block ? all - j : block};
            assert_int_equal(neighbour_offer(&world->lists, &own, &offered, threads, &error), STATUS_OK);
        }
    }
}

static void judge(struct world *world, int threads)
{
    struct error error;
    find_nearest(world, (uint32_t)world->first[DATASETS], threads);
    assert_int_equal(judge_pairs(&world->lists, threads, &world->judgement, &error), STATUS_OK);
}

static void end(struct world *world)
{
    judgement_free(&world->judgement);
    neighbour_lists_free(&world->lists);
    free(world->rows);
}

static double cosine(const struct world *world, uint32_t a, uint32_t b)
{
    double sum = 0;
    for (size_t d = 0; d < judge_embedding; d++) {
        sum += (double)world->rows[a * judge_embedding + d] * (double)world->rows[b * judge_embedding + d];
    }
    return sum;
}

/* Each list is of the highest cosines that there are, in order, with nobody twice and not the class itself. */
static void check_list(const struct world *world, int side, uint32_t class, size_t dataset)
{
    const size_t place = neighbour_place(&world->lists, class, dataset);
    const double sign = side == NEIGHBOUR_OWN ? 1 : -1;
    double least = 2;
    size_t listed = 0, nearer = 0;
    for (size_t r = 0; r < NEIGHBOUR_WIDTH; r++) {
        const uint32_t other = world->lists.class[side][place + r];
        if (other == NEIGHBOUR_NOBODY) {
            continue;
        }
        const double value = (double)world->lists.cosine[side][place + r];
        assert_int_equal(listed, r);
        assert_true(other != class && other >= world->first[dataset] && other < world->first[dataset + 1]);
        assert_true(fabs(sign * cosine(world, class, other) - value) < 1e-5);
        assert_true(value <= least);
        least = value;
        listed++;
    }
    for (uint64_t other = world->first[dataset]; other < world->first[dataset + 1]; other++) {
        nearer += other != class && sign * cosine(world, class, (uint32_t)other) > least + 1e-5;
    }
    assert_true(nearer < NEIGHBOUR_WIDTH);
    assert_true(listed == NEIGHBOUR_WIDTH);
}

static void lists_hold_the_nearest(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    prepare(&world);
    find_nearest(&world, 37, 2);
    for (uint32_t class = 0; class < world.first[DATASETS]; class ++) {
        for (size_t k = 0; k < DATASETS; k++) {
            check_list(&world, NEIGHBOUR_OWN, class, k);
            check_list(&world, NEIGHBOUR_MIRROR, class, k);
        }
    }
    end(&world);
}

static double expected_probability(uint32_t a, uint32_t b)
{
    for (size_t i = 0; i < judge_count; i++) {
        if (judge_rows[i].a == a && judge_rows[i].b == b) {
            return judge_rows[i].probability;
        }
    }
    return 0;
}

static void judges_as_the_reference(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    prepare(&world);
    judge(&world, 1);
    const struct judgement *judgement = &world.judgement;
    assert_true(judgement->known);
    assert_null(judgement->reason);
    assert_int_equal(judgement->count, judge_count);
    double sum = 0, last = 1;
    for (size_t i = 0; i < judgement->count; i++) {
        const struct judge_pair *pair = &judgement->pairs[i];
        assert_true(fabs((double)pair->probability - expected_probability(pair->class[0], pair -> class[1])) <
                    2e-3);
        assert_true(fabs((double)pair->cosine - cosine(&world, pair->class[0], pair -> class[1])) < 1e-5);
        assert_true((double)pair->probability <= last);
        last = (double)pair->probability;
        sum += last;
    }
    assert_true(fabs(judgement->shared - sum) < 1e-6);
    end(&world);
}

static void threads_change_nothing(void **state)
{
    (void)state;
    struct world one, three;
    begin(&one);
    begin(&three);
    prepare(&one);
    prepare(&three);
    judge(&one, 1);
    judge(&three, 3);
    assert_int_equal(one.judgement.count, three.judgement.count);
    assert_memory_equal(one.judgement.pairs, three.judgement.pairs,
                        one.judgement.count * sizeof *one.judgement.pairs);
    end(&one);
    end(&three);
}

/* Centres drawn anew for each class: nobody is shared. */
static void nobody_shared_is_not_known(void **state)
{
    (void)state;
    struct world world;
    struct random random;
    const uint64_t seed = 77;
    print_message("seed %llu\n", (unsigned long long)seed);
    random = random_stream(seed, RANDOM_SYNTH, 0, 0);
    begin(&world);
    for (size_t i = 0; i < world.first[DATASETS] * judge_embedding; i++) {
        world.rows[i] = (float)random_normal(&random);
    }
    prepare(&world);
    judge(&world, 1);
    assert_false(world.judgement.known);
    assert_non_null(world.judgement.reason);
    end(&world);
}

static void a_class_without_samples_is_nobodys(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    const uint32_t empty = judge_rows[judge_count - 1].b;
    memset(world.rows + (size_t)empty * judge_embedding, 0, judge_embedding * sizeof *world.rows);
    prepare(&world);
    judge(&world, 1);
    assert_true(world.judgement.known);
    for (size_t i = 0; i < world.judgement.count; i++) {
        assert_true(world.judgement.pairs[i].class[0] != empty && world.judgement.pairs[i].class[1] != empty);
        assert_true(isfinite(world.judgement.pairs[i].probability));
    }
    end(&world);
}

static void a_row_that_is_not_finite_is_named(void **state)
{
    (void)state;
    struct world world;
    begin(&world);
    world.rows[7 * judge_embedding + 3] = NAN;
    double sums[DATASETS * judge_embedding] = {0};
    uint64_t counts[DATASETS] = {0}, broken = 0;
    const struct centre_block all = {world.rows, 0, (uint32_t)world.first[DATASETS]};
    assert_false(centre_add_to_sums(&world.space, &all, sums, counts, &broken));
    assert_int_equal(broken, 7);
    end(&world);
}

static void groups_are_of_who_is_one_person(void **state)
{
    (void)state;
    struct world world;
    struct identity_groups *groups;
    struct judge_groups made;
    struct error error;
    begin(&world);
    prepare(&world);
    judge(&world, 1);
    assert_int_equal(identity_groups_create(judge_classes, DATASETS, &groups, &error), STATUS_OK);
    assert_int_equal(judge_group(&world.judgement, 0.8, groups, &made, &error), STATUS_OK);
    assert_true(identity_groups_is_valid(groups));
    size_t right = 0, pairs = 0;
    for (uint32_t a = 0; a < world.first[DATASETS]; a++) {
        for (uint32_t b = a + 1; b < world.first[DATASETS]; b++) {
            pairs += groups->home[a] == groups->home[b];
            right += groups->home[a] == groups->home[b] && judge_person[a] == judge_person[b];
        }
    }
    assert_int_equal(pairs, made.pairs);
    assert_true(pairs > 90);
    assert_true((double)right > 0.9 * (double)pairs);
    assert_true(fabs(made.expected - (double)right) < 0.08 * (double)pairs);
    identity_groups_free(groups);
    end(&world);
}

/* A chain of which only neighbours are alike: 0 - 1 - 2 - 3, one class of each dataset. */
static void members_agree_on_the_whole(void **state)
{
    (void)state;
    const uint32_t classes[4] = {1, 1, 1, 1};
    struct judge_pair pairs[] = {{{0, 1}, 0.9f, 0.9f}, {{2, 3}, 0.9f, 0.9f}, {{1, 2}, 0.8f, 0.8f}};
    const struct judgement judgement = {.pairs = pairs, .count = 3, .known = true};
    struct identity_groups *groups;
    struct judge_groups made;
    struct error error;
    assert_int_equal(identity_groups_create(classes, 4, &groups, &error), STATUS_OK);
    assert_int_equal(judge_group(&judgement, 0.5, groups, &made, &error), STATUS_OK);
    assert_int_equal(groups->home[1], 0);
    assert_int_equal(groups->home[3], 2);
    assert_int_equal(groups->home[2], 2);
    assert_int_equal(made.pairs, 2);
    assert_true(fabs(made.expected - 1.8) < 1e-6);
    identity_groups_free(groups);
}

/* 0 - 1 - 2 are likely, and a person has rejected 0 - 2. */
static void what_is_rejected_stays_apart(void **state)
{
    (void)state;
    const uint32_t classes[3] = {1, 1, 1};
    struct judge_pair pairs[] = {{{0, 1}, 0.9f, 0.99f}, {{1, 2}, 0.9f, 0.98f}, {{0, 2}, 0.9f, -1}};
    const struct judgement judgement = {.pairs = pairs, .count = 3, .known = true};
    struct identity_groups *groups;
    struct judge_groups made;
    struct error error;
    assert_int_equal(identity_groups_create(classes, 3, &groups, &error), STATUS_OK);
    assert_int_equal(judge_group(&judgement, 0.3, groups, &made, &error), STATUS_OK);
    assert_int_equal(groups->home[1], 0);
    assert_int_equal(groups->home[2], 2);
    identity_groups_free(groups);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_hold_the_nearest),
        cmocka_unit_test(judges_as_the_reference),
        cmocka_unit_test(threads_change_nothing),
        cmocka_unit_test(nobody_shared_is_not_known),
        cmocka_unit_test(a_class_without_samples_is_nobodys),
        cmocka_unit_test(a_row_that_is_not_finite_is_named),
        cmocka_unit_test(groups_are_of_who_is_one_person),
        cmocka_unit_test(members_agree_on_the_whole),
        cmocka_unit_test(what_is_rejected_stays_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
