/* Third datasets' support, and centres whitened for it. */
#include "worker/discovery/consensus.h"
#include "worker/identity/whiten.h"

#include "proto/random.h"
#include "tests/oracle/consensus.h"
#include "tests/oracle/judge.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { DATASETS = 5, CLASSES = 40, DIMENSION = 24, ALL = DATASETS * CLASSES };

struct fixture {
    uint64_t first[DATASETS + 1];
    struct centre_space space;
    float *rows; /* [ALL][DIMENSION] */
    struct neighbour_lists lists;
};

static float draw(uint64_t what, uint64_t of, uint64_t place)
{
    struct random random = random_stream(12, RANDOM_SYNTH, what << 32 | of, place);
    return random_normal(&random);
}

static void list(struct fixture *fixture)
{
    struct error error;
    struct centre_block block = {.rows = fixture->rows, .begin = 0, .count = ALL};
    assert_int_equal(neighbour_lists_create(&fixture->space, 0, ALL, &fixture->lists, &error), STATUS_OK);
    assert_int_equal(neighbour_offer(&fixture->lists, &block, &block, 1, &error), STATUS_OK);
}

/* The same people in all datasets under the same labels, not much alike there. */
static void make(struct fixture *fixture, bool shared)
{
    double sums[DATASETS * DIMENSION] = {0};
    uint64_t counts[DATASETS] = {0}, broken;
    *fixture = (struct fixture){.space = {DATASETS, fixture->first, DIMENSION}};
    fixture->rows = malloc(ALL * DIMENSION * sizeof *fixture->rows);
    for (size_t k = 0; k <= DATASETS; k++) {
        fixture->first[k] = k * CLASSES;
    }
    for (uint32_t c = 0; c < ALL; c++) {
        for (uint32_t d = 0; d < DIMENSION; d++) {
            fixture->rows[c * DIMENSION + d] =
                draw(1, shared ? c % CLASSES : 1000 + c, d) + 1.1f * draw(2, c, d) + draw(3, c / CLASSES, d);
        }
    }
    struct centre_block block = {.rows = fixture->rows, .begin = 0, .count = ALL};
    assert_true(centre_add_to_sums(&fixture->space, &block, sums, counts, &broken));
    centre_prepare(&fixture->space, sums, counts, &block, 1);
    list(fixture);
}

static void drop(struct fixture *fixture)
{
    neighbour_lists_free(&fixture->lists);
    free(fixture->rows);
}

/* Of the classes, how many have their person first in another dataset, by these values. */
static size_t count_first(const struct fixture *fixture, const float *value)
{
    size_t right = 0;
    for (uint64_t c = 0; c < ALL; c++) {
        for (size_t k = 0; k < DATASETS; k++) {
            size_t best = neighbour_place(&fixture->lists, c, k);
            for (size_t r = 1, place = best; r < NEIGHBOUR_WIDTH; r++) {
                best = value[place + r] > value[best] ? place + r : best;
            }
            right += k != c / CLASSES && fixture->lists.class[NEIGHBOUR_OWN][best] % CLASSES == c % CLASSES;
        }
    }
    return right;
}

/* Entries of even odds or more. */
static size_t count_likely(const struct fixture *fixture, const float *odds)
{
    size_t count = 0;
    for (size_t i = 0; i < neighbour_place(&fixture->lists, ALL, 0); i++) {
        count += odds[i] > 0;
    }
    return count;
}

static void third_datasets_tell_who_is_whom(void **state)
{
    struct fixture fixture;
    struct consensus consensus;
    struct error error;
    (void)state;
    make(&fixture, true);
    const size_t by_cosine = count_first(&fixture, fixture.lists.cosine[NEIGHBOUR_OWN]);
    for (int apart = 0; apart < 2; apart++) {
        assert_int_equal(consensus_create(&fixture.lists, apart, 1, &consensus, &error), STATUS_OK);
        const size_t right = count_first(&fixture, consensus.odds[NEIGHBOUR_OWN]);
        const size_t likely = count_likely(&fixture, consensus.odds[NEIGHBOUR_OWN]);
        const size_t mirror = count_likely(&fixture, consensus.odds[NEIGHBOUR_MIRROR]);
        print_message("of %d: %zu by cosine, %zu by third datasets; %zu likely, %zu of mirror images\n",
                      ALL * (DATASETS - 1), by_cosine, right, likely, mirror);
        assert_true(right > by_cosine && (apart || 10 * right > 12 * by_cosine));
        assert_true(!apart || likely > 2 * mirror);
        consensus_free(&consensus);
    }
    drop(&fixture);
}

/* Mirror images must not be worse off than classes that are strangers to all. */
static void chance_helps_mirror_images_as_much_where_opinions_are_apart(void **state)
{
    struct fixture fixture;
    struct consensus consensus;
    struct error error;
    size_t likely[2][NEIGHBOUR_SIDES];
    (void)state;
    make(&fixture, false);
    for (int apart = 0; apart < 2; apart++) {
        assert_int_equal(consensus_create(&fixture.lists, apart, 1, &consensus, &error), STATUS_OK);
        for (int side = 0; side < NEIGHBOUR_SIDES; side++) {
            likely[apart][side] = count_likely(&fixture, consensus.odds[side]);
        }
        print_message("apart %d: %zu, of mirror images %zu\n", apart, likely[apart][NEIGHBOUR_OWN],
                      likely[apart][NEIGHBOUR_MIRROR]);
        consensus_free(&consensus);
    }
    assert_true(2 * likely[1][NEIGHBOUR_OWN] < 3 * (likely[1][NEIGHBOUR_MIRROR] + 10));
    assert_true(likely[1][NEIGHBOUR_OWN] < likely[0][NEIGHBOUR_OWN]);
    drop(&fixture);
}

static double odds_of(const struct fixture *fixture, const struct consensus *consensus, uint32_t a,
                      uint32_t b)
{
    const size_t dataset = centre_dataset(&fixture->space, b);
    size_t place = neighbour_place(&fixture->lists, a, dataset);
    const size_t end = place + NEIGHBOUR_WIDTH;
    while (place < end && fixture->lists.class[NEIGHBOUR_OWN][place] != b) {
        place++;
    }
    assert_true(place < end);
    return (double)consensus->odds[NEIGHBOUR_OWN][place];
}

/* Against numpy in float64 (tests/oracle/make_consensus.py), on random centres of unequal datasets. */
static void odds_are_those_of_the_reference(void **state)
{
    enum { SETS = sizeof judge_classes / sizeof *judge_classes };
    uint64_t first[SETS + 1] = {0}, counts[SETS] = {0}, broken;
    double sums[SETS * judge_embedding] = {0};
    struct error error;
    size_t likely = 0;
    (void)state;
    for (size_t k = 0; k < SETS; k++) {
        first[k + 1] = first[k] + judge_classes[k];
    }
    struct fixture fixture = {
        .space = {.datasets = SETS, .first_class = first, .embedding = judge_embedding}};
    struct centre_block all = {.rows = malloc(sizeof judge_centres / sizeof *judge_centres * sizeof(float)),
                               .begin = 0,
                               .count = (uint32_t)first[SETS]};
    for (size_t i = 0; i < sizeof judge_centres / sizeof *judge_centres; i++) {
        all.rows[i] = judge_centres[i];
    }
    fixture.rows = all.rows;
    assert_true(centre_add_to_sums(&fixture.space, &all, sums, counts, &broken));
    centre_prepare(&fixture.space, sums, counts, &all, 1);
    assert_int_equal(neighbour_lists_create(&fixture.space, 0, all.count, &fixture.lists, &error), STATUS_OK);
    assert_int_equal(neighbour_offer(&fixture.lists, &all, &all, 1, &error), STATUS_OK);
    for (int apart = 0; apart < 2; apart++) {
        struct consensus consensus;
        assert_int_equal(consensus_create(&fixture.lists, apart, 1, &consensus, &error), STATUS_OK);
        for (size_t i = 0; i < consensus_count; i++) {
            const double odds = odds_of(&fixture, &consensus, consensus_rows[i].a, consensus_rows[i].b);
            if (!(fabs(odds - consensus_rows[i].odds[apart]) <= 5e-3)) {
                fail_msg("apart %d, %u and %u: %g instead of %g", apart, consensus_rows[i].a,
                         consensus_rows[i].b, odds, consensus_rows[i].odds[apart]);
            }
            likely +=
                !apart && odds > 0 && judge_person[consensus_rows[i].a] == judge_person[consensus_rows[i].b];
        }
        consensus_free(&consensus);
    }
    assert_int_equal(likely, consensus_right);
    drop(&fixture);
}

static void threads_change_nothing(void **state)
{
    struct fixture fixture;
    struct consensus one, three;
    struct error error;
    (void)state;
    make(&fixture, true);
    const size_t places = neighbour_place(&fixture.lists, ALL, 0);
    assert_int_equal(consensus_create(&fixture.lists, true, 1, &one, &error), STATUS_OK);
    assert_int_equal(consensus_create(&fixture.lists, true, 3, &three, &error), STATUS_OK);
    for (int side = 0; side < NEIGHBOUR_SIDES; side++) {
        assert_memory_equal(one.odds[side], three.odds[side], places * sizeof *one.odds[side]);
    }
    consensus_free(&one);
    consensus_free(&three);
    drop(&fixture);
}

/* Cosines of whitened rows, against x' (S + r t I)^-1 y by elimination. */
static void whitened_cosines_are_those_of_the_inverse(void **state)
{
    enum { N = 5, D = 3 };
    const uint64_t first[2] = {0, N};
    const struct centre_space space = {1, first, D};
    float rows[N * D], white[N * D];
    double sums[D * D] = {0}, matrix[D][D] = {{0}}, trace = 0;
    (void)state;
    for (size_t i = 0; i < N * D; i++) {
        rows[i] = white[i] = draw(4, i, 0);
    }
    for (size_t i = 0; i < N; i++) {
        for (size_t d = 0; d < D; d++) {
            for (size_t e = 0; e < D; e++) {
                matrix[d][e] += (double)rows[i * D + d] * (double)rows[i * D + e];
            }
        }
    }
    for (size_t d = 0; d < D; d++) {
        trace += matrix[d][d] / D;
    }
    for (size_t d = 0; d < D; d++) {
        matrix[d][d] += WHITEN_RIDGE * trace;
    }
    struct centre_block block = {.rows = white, .begin = 0, .count = N};
    whiten_add_to_sums(&space, &block, sums);
    assert_true(whiten_factor(&space, sums));
    whiten_rows(&space, sums, &block, 1);
    double inverse_times[N][D];
    for (size_t i = 0; i < N; i++) {
        double left[D][D + 1];
        for (size_t d = 0; d < D; d++) {
            memcpy(left[d], matrix[d], sizeof matrix[d]);
            left[d][D] = (double)rows[i * D + d];
        }
        for (size_t d = 0; d < D; d++) {
            for (size_t e = 0; e < D; e++) {
                const double factor = e == d ? 0 : left[e][d] / left[d][d];
                for (size_t f = 0; f <= D; f++) {
                    left[e][f] -= factor * left[d][f];
                }
            }
        }
        for (size_t d = 0; d < D; d++) {
            inverse_times[i][d] = left[d][D] / left[d][d];
        }
    }
    for (size_t i = 0; i < N; i++) {
        for (size_t j = 0; j < N; j++) {
            double cosine = 0, product = 0, of_i = 0, of_j = 0;
            for (size_t d = 0; d < D; d++) {
                cosine += (double)white[i * D + d] * (double)white[j * D + d];
                product += (double)rows[i * D + d] * inverse_times[j][d];
                of_i += (double)rows[i * D + d] * inverse_times[i][d];
                of_j += (double)rows[j * D + d] * inverse_times[j][d];
            }
            assert_true(fabs(cosine - product / sqrt(of_i * of_j)) < 1e-5);
        }
    }
}

static void a_class_without_samples_is_left_out(void **state)
{
    const uint64_t first[2] = {0, 3};
    const struct centre_space space = {1, first, 2};
    float rows[6] = {1, 0, NAN, NAN, 0.6f, 0.8f};
    double sums[4] = {0};
    (void)state;
    struct centre_block block = {.rows = rows, .begin = 0, .count = 3};
    assert_false(whiten_factor(&space, sums));
    whiten_add_to_sums(&space, &block, sums);
    assert_true(whiten_factor(&space, sums));
    whiten_rows(&space, sums, &block, 1);
    assert_true(isfinite(rows[0]) && isnan(rows[2]) && isfinite(rows[4]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(third_datasets_tell_who_is_whom),
        cmocka_unit_test(chance_helps_mirror_images_as_much_where_opinions_are_apart),
        cmocka_unit_test(odds_are_those_of_the_reference),
        cmocka_unit_test(threads_change_nothing),
        cmocka_unit_test(whitened_cosines_are_those_of_the_inverse),
        cmocka_unit_test(a_class_without_samples_is_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
