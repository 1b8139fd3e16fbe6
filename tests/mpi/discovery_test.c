/* Identities discovered by any number of workers, against the same by one; and the rows of the groups that come of it. */
#include "worker/discovery/discovery.h"
#include "worker/discovery/regroup.h"
#include "worker/loss/classifier.h"

#include "proto/random.h"
#include "tests/mpi/check.h"
#include "worker/exchange/exchange_mpi.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DIMENSION = 32, DATASETS = 4, SHARED = 150 };

static const uint32_t classes[DATASETS] = {200, 310, 190, 160};
static const double weight[DATASETS] = {1, 1, 1, 1};
static struct error error;

/* One partition. */
struct run {
    struct exchange *exchange;
    struct classifier *classifier;
    struct parameter_group rows[DATASETS];
    struct identity_groups *groups;
};

/* The person that a class is: the first SHARED of each dataset, in another order in each. */
static uint32_t person_of(uint32_t dataset, uint32_t label)
{
    uint32_t number = (label * 7 + dataset * 13) % classes[dataset];
    return number < SHARED ? number : 1000 * (dataset + 1) + number;
}

static float draw(uint32_t what, uint32_t of, uint32_t place)
{
    struct random random = random_stream(5, RANDOM_SYNTH, (uint64_t)what << 32 | of, place);
    return random_normal(&random);
}

/* Centres as a training gathers them: of a person, a dataset's look, and what the two leave to chance. */
static void fill(struct parameter_group *group, uint32_t dataset)
{
    const uint32_t count = group->rows.end - group->rows.begin;
    for (uint32_t row = 0; row < count; row++) {
        const uint32_t label = group->rows.begin + row;
        const float samples = (float)(label % 5); /* some have none */
        for (uint32_t d = 0; d < DIMENSION; d++) {
            const float noise = 0.25f * draw(3, dataset * 100000 + label, d);
            const float value = draw(1, person_of(dataset, label), d) + 2 * draw(2, dataset, d) + noise;
            group->centre[row * DIMENSION + d] = samples * value;
            group->momentum[row * DIMENSION + d] = draw(4, dataset * 100000 + label, d);
        }
        group->centre[group->count + row] = samples;
    }
}

static void start(struct run *run, struct exchange *exchange)
{
    const struct classifier_config config = {.embedding = DIMENSION,
                                             .datasets = DATASETS,
                                             .classes = classes,
                                             .weight = weight,
                                             .rows_min = 60,
                                             .margin = {MARGIN_PLAIN, {1, 0, 0}},
                                             .scale = 16,
                                             .centres = true,
                                             .seed = 9,
                                             .round_max = 12,
                                             .threads = 2};
    *run = (struct run){.exchange = exchange};
    CHECK(classifier_create(&config, exchange, &run->classifier, &error) == STATUS_OK);
    classifier_init(run->classifier);
    CHECK(identity_groups_create(classes, DATASETS, &run->groups, &error) == STATUS_OK);
    for (uint32_t k = 0; k < DATASETS; k++) {
        run->rows[k] = classifier_parameter_group(run->classifier, k, "rows");
        CHECK(parameter_group_add_momentum(&run->rows[k]));
        fill(&run->rows[k], k);
    }
}

static void finish(struct run *run)
{
    for (size_t k = 0; k < DATASETS; k++) {
        parameter_group_free_momentum(&run->rows[k]);
    }
    classifier_free(run->classifier);
    identity_groups_free(run->groups);
}

static struct discovery_result discover(struct run *run)
{
    const struct discovery_config config = {.min_probability = 0.5, .threads = 2};
    struct discovery_result result;
    CHECK(discovery_run(&config, run->rows, run->exchange, run->groups, &result, &error) == STATUS_OK);
    CHECK(identity_groups_is_valid(run->groups));
    return result;
}

static void check_truth(const struct run *run, const struct discovery_result *result)
{
    const uint64_t *first = run->groups->first_class;
    uint64_t pairs = 0, right = 0;
    for (uint32_t a = 0; a < first[DATASETS]; a++) {
        for (uint32_t b = run->groups->next[a]; b > a; b = run->groups->next[b]) {
            const uint32_t j = (uint32_t)identity_groups_dataset(run->groups, a);
            const uint32_t k = (uint32_t)identity_groups_dataset(run->groups, b);
            pairs++;
            right += person_of(j, a - (uint32_t)first[j]) == person_of(k, b - (uint32_t)first[k]);
        }
    }
    CHECK(result->known && result->pairs == pairs);
    /* 150 people in four datasets, each class of which has samples by a chance of 0.8. */
    CHECK(pairs > 450 && pairs < 600 && right > pairs * 95 / 100);
    for (uint32_t a = 0; a < first[1]; a += 5) { /* without samples */
        CHECK(run->groups->home[a] == a && run->groups->next[a] == a);
    }
}

static void compare_rows(const struct run *whole, const struct run *part)
{
    for (size_t k = 0; k < DATASETS; k++) {
        const size_t values = part->rows[k].count, first = part->rows[k].rows.begin * (size_t)DIMENSION;
        if (values > 0) {
            CHECK(memcmp(part->rows[k].weight, whole->rows[k].weight + first, values * sizeof(float)) == 0);
            CHECK(memcmp(part->rows[k].momentum, whole->rows[k].momentum + first, values * sizeof(float)) ==
                  0);
        }
    }
}

static void regroup(struct run *run, const struct identity_groups *before)
{
    CHECK(regroup_rows(run->rows, run->exchange, before, run->groups, &error) == STATUS_OK);
    CHECK(classifier_set_groups(run->classifier, run->groups, &error) == STATUS_OK);
}

int main(int argc, char **argv)
{
    struct exchange *exchange, *alone;
    struct run whole, part;
    struct identity_groups *before;
    exchange_mpi_prepare();
    MPI_Init(&argc, &argv);
    CHECK(exchange_mpi_create(MPI_COMM_WORLD, &exchange, &error) == STATUS_OK);
    CHECK(exchange_local_create(&alone, &error) == STATUS_OK);
    start(&whole, alone);
    start(&part, exchange);
    compare_rows(&whole, &part);
    CHECK(identity_groups_create(classes, DATASETS, &before, &error) == STATUS_OK);

    const struct discovery_result one = discover(&whole), all = discover(&part);
    check_truth(&whole, &one);
    CHECK(memcmp(whole.groups->home, part.groups->home,
                 whole.groups->first_class[DATASETS] * sizeof(uint32_t)) == 0);
    CHECK(all.pairs == one.pairs && all.groups == one.groups && all.known);
    CHECK(fabs(all.precision - one.precision) < 1e-3);
    regroup(&whole, before);
    regroup(&part, before);
    compare_rows(&whole, &part);

    /* Groups that dissolve, and others in their place. */
    CHECK(identity_groups_set(before, whole.groups->home));
    struct run *const runs[2] = {&whole, &part};
    for (int r = 0; r < 2; r++) {
        identity_groups_clear(runs[r]->groups);
        for (uint32_t i = 0; i < 100; i++) {
            CHECK(identity_groups_join(runs[r]->groups, i, (uint32_t)before->first_class[3] + i, NULL));
        }
        regroup(runs[r], before);
    }
    compare_rows(&whole, &part);
    finish(&whole);
    finish(&part);
    identity_groups_free(before);
    alone->operations->close(alone);
    exchange->operations->close(exchange);
    MPI_Finalize();
    return 0;
}
