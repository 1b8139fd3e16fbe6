/* The partitioned classifier on any number of workers, of which some have a sample less than others, against the same on
 * one worker. */
#include "worker/loss/classifier.h"

#include "proto/random.h"
#include "tests/mpi/check.h"
#include "worker/exchange/exchange_mpi.h"
#include "worker/exchange/lane_share.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DIMENSION = 16, SAMPLES = 11, DATASETS = 4 };
#define TOLERANCE 1e-5

static const uint32_t classes[DATASETS] = {40, 3, 1500, 60};
static const double weight[DATASETS] = {1, 0.5, 2, 1};

struct setting {
    bool scope_all;
    double crossing_dropout;
    int threads;
    bool groups; /* people that several datasets share */
    struct margin_choice margin;
    double center; /* weight of center loss */
    double sample; /* share of the classes drawn for a step; 0: all stand */
};

/* One partition of the same problem. */
struct run {
    struct exchange *exchange;
    struct classifier *classifier;
    struct identity_groups *groups;
    int count; /* of a worker's samples, where it has a full share */
    float *x; /* [count][DIMENSION]: own ones, and what is not read where one is absent */
    struct sample *sample; /* [count] */
    float *grad_x; /* [count][DIMENSION] */
    struct classifier_sums sums;
};

static struct error error;

/* Among them the classes of some samples, groups over owners, and one of all datasets. */
static void share_people(struct identity_groups *groups)
{
    const uint64_t *first = groups->first_class;
    for (uint32_t i = 0; i < 30; i++) {
        CHECK(identity_groups_join(groups, i, (uint32_t)first[2] + i * 131 % classes[2], NULL));
    }
    for (uint32_t i = 0; i < 60; i += 2) {
        CHECK(identity_groups_join(groups, (uint32_t)first[2] + 1000 + i, (uint32_t)first[3] + i, NULL));
    }
    CHECK(identity_groups_join(groups, 7, (uint32_t)first[1] + 2, NULL));
    CHECK(identity_groups_join(groups, (uint32_t)first[1] + 2, (uint32_t)first[3] + 15, NULL));
    CHECK(identity_groups_is_valid(groups) && groups->shared == 62);
}

static void start(struct run *run, const struct setting *setting, struct exchange *exchange)
{
    *run = (struct run){.exchange = exchange, .count = lane_share_rounds(SAMPLES, exchange->size)};
    struct classifier_config config = {.embedding = DIMENSION,
                                       .datasets = DATASETS,
                                       .classes = classes,
                                       .weight = weight,
                                       .rows_min = 15,
                                       .margin = setting->margin,
                                       .scale = 32,
                                       .scope_all = setting->scope_all,
                                       .crossing_dropout = setting->crossing_dropout,
                                       .center = setting->center,
                                       .center_rate = 0.5,
                                       .sample = setting->sample,
                                       .step_max = (size_t)(run->count * exchange->size),
                                       .centres = true,
                                       .seed = 77,
                                       .round_max = run->count * exchange->size,
                                       .threads = setting->threads};
    run->x = calloc((size_t)run->count * DIMENSION, sizeof *run->x);
    run->sample = calloc((size_t)run->count, sizeof *run->sample);
    run->grad_x = calloc((size_t)run->count * DIMENSION, sizeof *run->grad_x);
    CHECK(classifier_create(&config, exchange, &run->classifier, &error) == STATUS_OK);
    classifier_init(run->classifier);
    *classifier_margin_group(run->classifier).weight = 28; /* some samples are alone above it */
    CHECK(identity_groups_create(classes, DATASETS, &run->groups, &error) == STATUS_OK);
    if (setting->groups) {
        share_people(run->groups);
        CHECK(classifier_set_groups(run->classifier, run->groups, &error) == STATUS_OK);
    }
}

/* The sample at a place of a worker's round, or -1: that worker has one less. */
static int sample_at(const struct run *run, int worker, int place)
{
    return lane_share_lane(SAMPLES, run->exchange->size, worker, place);
}

static void step(struct run *run, const float *x, const struct sample *sample)
{
    for (int i = 0; i < run->count; i++) {
        int of = sample_at(run, run->exchange->rank, i);
        run->sample[i] = of < 0 ? (struct sample){.dataset = SAMPLE_ABSENT} : sample[of];
        for (int j = 0; j < DIMENSION; j++) {
            run->x[i * DIMENSION + j] = of < 0 ? NAN : x[of * DIMENSION + j];
        }
    }
    run->sums = (struct classifier_sums){0};
    classifier_zero_gradient(run->classifier);
    CHECK(classifier_draw(run->classifier, run->count, run->sample, 5, &error) == STATUS_OK);
    CHECK(classifier_step(run->classifier, run->count, run->x, run->sample, SAMPLES, 5, run->grad_x,
                          &run->sums, &error) == STATUS_OK);
}

static void finish(struct run *run)
{
    classifier_free(run->classifier);
    identity_groups_free(run->groups);
    free(run->x);
    free(run->sample);
    free(run->grad_x);
}

/* Samples of all datasets, some close to their class and some far; `whole` owns every row. */
static void make_samples(struct run *whole, float *x, struct sample *sample)
{
    for (uint32_t i = 0; i < SAMPLES; i++) {
        uint32_t k = (i * 7 + 1) % DATASETS;
        uint32_t label = i * 131 % classes[k];
        const float *row =
            classifier_parameter_group(whole->classifier, k, "rows").weight + label * DIMENSION;
        struct random random = random_stream(3, RANDOM_SYNTH, i, 0);
        sample[i] = (struct sample){k, label, (uint64_t)k << 40 | i};
        for (uint32_t j = 0; j < DIMENSION; j++) {
            float pull = i % 3 == 0 ? 100.0f : i % 3 == 1 ? 30.0f : -60.0f;
            x[i * DIMENSION + j] = pull * row[j] + 0.3f * random_normal(&random);
        }
    }
}

static bool has_part(const struct run *run, int worker, uint32_t dataset, bool global)
{
    int first, owners, workers = run->exchange->size;
    classifier_owners(run->classifier, dataset, &first, &owners);
    return global || (worker - first + workers) % workers < owners;
}

static uint64_t bytes_of(const struct exchange *exchange)
{
    uint64_t bytes = 0;
    for (int kind = 0; kind < TRAFFIC_KINDS; kind++) {
        bytes += exchange->bytes[kind];
    }
    return bytes;
}

/* What a worker hands over in a round: what its samples are, twice where classes are drawn by them, own embeddings to whom they concern, gradients of the
 * others' that concern it, and of each of the latter four maxima, which are taken twice where rivals may be hard, and a
 * sum where it is not alone with it. */
static uint64_t expected_bytes(const struct run *run, const struct sample *sample,
                               const struct setting *setting)
{
    const bool global = setting->scope_all || setting->crossing_dropout > 0 || setting->groups;
    const enum margin_kind kind = setting->margin.kind;
    const uint64_t reduced = kind == MARGIN_CURRICULARFACE ? 9 : kind == MARGIN_UNIFACE ? 0 : 5;
    int rank = run->exchange->rank, workers = run->exchange->size;
    uint64_t told = (uint64_t)run->count * sizeof *sample;
    uint64_t bytes = workers == 1 ? 0 : setting->sample > 0 ? 2 * told : told;
    for (int w = 0; w < workers; w++) {
        for (int i = 0; i < lane_share_count(SAMPLES, workers, w); i++) {
            uint32_t dataset = sample[lane_share_first(SAMPLES, workers, w) + i].dataset;
            bool concerns = has_part(run, rank, dataset, global);
            int others = -(int)has_part(run, w, dataset, global), owners = 0;
            for (int v = 0; v < workers; v++) {
                owners += has_part(run, v, dataset, global);
            }
            others += owners;
            bytes += w == rank ? (uint64_t)others * DIMENSION * sizeof(float) : 0;
            bytes += w != rank && concerns ? (DIMENSION + 3) * sizeof(float) : 0;
            bytes += concerns && owners > 1 ? reduced * sizeof(float) : 0;
        }
    }
    return bytes;
}

static double difference(const float *a, const float *b, size_t count)
{
    double most = 0;
    for (size_t i = 0; i < count; i++) {
        double here = fabs((double)a[i] - (double)b[i]);
        most = here > most || isnan(here) ? here : most;
    }
    return most;
}

static double largest(const float *a, size_t count)
{
    double most = 0;
    for (size_t i = 0; i < count; i++) {
        most = fmax(most, fabs((double)a[i]));
    }
    return most;
}

/* The gradient of all rows of a group, 0 of those that do not stand in the step, whose number is added to *stand. The
 * caller frees it. */
static float *gradient_of(const struct parameter_group *group, double *stand)
{
    float *gradient = calloc(group->count + 1, sizeof *gradient);
    if (!group->drawn) {
        memcpy(gradient, group->gradient, group->count * sizeof *gradient);
        return gradient;
    }
    for (size_t i = 0; i < group->drawn->count; i++) {
        memcpy(gradient + group->drawn->row[i] * DIMENSION, group->drawn->gradient + i * DIMENSION,
               DIMENSION * sizeof *gradient);
    }
    *stand += (double)group->drawn->count;
    return gradient;
}

/* Each row that stands is one of the whole's. */
static void compare_drawn(const struct parameter_group *all, const struct parameter_group *own)
{
    size_t at = 0;
    for (size_t i = 0; own->drawn && i < own->drawn->count; i++) {
        uint32_t row = own->rows.begin + own->drawn->row[i];
        while (at < all->drawn->count && all->drawn->row[at] < row) {
            at++;
        }
        CHECK(at < all->drawn->count && all->drawn->row[at] == row);
    }
}

static void compare_rows(struct run *whole, struct run *part)
{
    double rows = 0, stand[2] = {0, 0};
    for (size_t k = 0; k < DATASETS; k++) {
        const struct parameter_group all = classifier_parameter_group(whole->classifier, k, "rows");
        const struct parameter_group own = classifier_parameter_group(part->classifier, k, "rows");
        size_t first = own.rows.begin * DIMENSION;
        size_t values = (own.rows.end - own.rows.begin) * DIMENSION;
        float *all_gradient = gradient_of(&all, &stand[0]), *own_gradient = gradient_of(&own, &stand[1]);
        double scale = largest(all_gradient, classes[k] * DIMENSION);
        compare_drawn(&all, &own);
        CHECK(scale > 1e-6);
        if (values > 0) {
            CHECK(memcmp(own.weight, all.weight + first, values * sizeof(float)) == 0);
            CHECK(difference(own.centre, all.centre + first, values) <= TOLERANCE);
            CHECK(difference(own.centre + values, all.centre + all.count + own.rows.begin,
                             own.rows.end - own.rows.begin) == 0);
            CHECK(difference(own_gradient, all_gradient + first, values) <= TOLERANCE * scale);
            CHECK(!own.loss_centre == !all.loss_centre);
            CHECK(!own.loss_centre ||
                  difference(own.loss_centre, all.loss_centre + first, values) <= TOLERANCE);
        }
        free(all_gradient);
        free(own_gradient);
        rows += own.rows.end - own.rows.begin;
    }
    struct exchange *exchange = part->exchange;
    CHECK(exchange->operations->sum_double(exchange, &rows, 1, &error) == STATUS_OK);
    CHECK(rows == classes[0] + classes[1] + classes[2] + classes[3]);
    CHECK(exchange->operations->sum_double(exchange, &stand[1], 1, &error) == STATUS_OK);
    CHECK(stand[0] == stand[1]);
}

/* Each owned draw is one of the whole's; together they are as many. */
static void compare_draws(struct run *whole, struct run *part, double crossing_dropout)
{
    size_t all_count, own_count;
    const struct crossing_draw *all = classifier_draws(whole->classifier, &all_count);
    const struct crossing_draw *own = classifier_draws(part->classifier, &own_count);
    CHECK((all_count > 0) == (crossing_dropout > 0));
    for (size_t i = 0; i < own_count; i++) {
        bool found = false;
        int worker = (int)own[i].sample / part->count;
        int of = sample_at(part, worker, (int)own[i].sample % part->count);
        for (size_t j = 0; j < all_count && !found; j++) {
            found = of == (int)all[j].sample && own[i].class_index == all[j].class_index;
        }
        CHECK(found);
    }
    struct exchange *exchange = part->exchange;
    double count = (double)own_count;
    CHECK(exchange->operations->sum_double(exchange, &count, 1, &error) == STATUS_OK);
    CHECK(count == (double)all_count);
}

static void compare(struct run *whole, struct run *part, const struct setting *setting)
{
    struct exchange *exchange = part->exchange;
    double sums[2] = {part->sums.loss, part->sums.correct};
    CHECK(exchange->operations->sum_double(exchange, sums, 2, &error) == STATUS_OK);
    CHECK(whole->sums.loss > 1 && whole->sums.correct > 0);
    CHECK(fabs(sums[0] - whole->sums.loss) <= TOLERANCE * whole->sums.loss);
    CHECK(sums[1] == whole->sums.correct);
    double running[MARGIN_SUMS];
    memcpy(running, part->sums.margin, sizeof running);
    CHECK(exchange->operations->sum_double(exchange, running, MARGIN_SUMS, &error) == STATUS_OK);
    CHECK(running[MARGIN_COUNT] == (margin_running_name(setting->margin.kind, 0) ? SAMPLES : 0));
    const struct parameter_group all = classifier_margin_group(whole->classifier);
    if (all.count > 0) {
        double threshold = (double)*classifier_margin_group(part->classifier).gradient;
        CHECK(exchange->operations->sum_double(exchange, &threshold, 1, &error) == STATUS_OK);
        CHECK(fabs(threshold) > 1e-6 &&
              fabs(threshold - (double)*all.gradient) <= TOLERANCE * fabs(threshold));
    }
    for (int i = 0; i < MARGIN_SUMS; i++) {
        CHECK(fabs(running[i] - whole->sums.margin[i]) <= 1e-9 * (1 + fabs(running[i])));
    }
    double scale = largest(whole->grad_x, SAMPLES * DIMENSION);
    CHECK(scale > 1e-6);
    for (int i = 0; i < part->count; i++) {
        const float *own = part->grad_x + (size_t)i * DIMENSION;
        int of = sample_at(part, exchange->rank, i);
        CHECK(of < 0
                  ? largest(own, DIMENSION) == 0
                  : difference(own, whole->grad_x + (size_t)of * DIMENSION, DIMENSION) <= TOLERANCE * scale);
    }
    compare_rows(whole, part);
    compare_draws(whole, part, setting->crossing_dropout);
}

/* A second time the same bits come out; and a sample that is no number shows in the loss and stops nobody. */
static void repeat(struct run *part, float *x, const struct sample *sample)
{
    size_t values = (size_t)part->count * DIMENSION;
    float *before = calloc(values, sizeof *before);
    double loss = part->sums.loss;
    memcpy(before, part->grad_x, values * sizeof *before);
    step(part, x, sample);
    CHECK(memcmp(before, part->grad_x, values * sizeof *before) == 0 && part->sums.loss == loss);
    x[DIMENSION * (SAMPLES - 1) + 3] = NAN;
    step(part, x, sample);
    double sum = part->sums.loss;
    CHECK(part->exchange->operations->sum_double(part->exchange, &sum, 1, &error) == STATUS_OK);
    CHECK(!isfinite(sum));
    free(before);
}

static void is_that_of_one_worker(struct exchange *exchange, const struct setting *setting)
{
    struct run whole, part;
    struct exchange *alone;
    float x[SAMPLES * DIMENSION];
    struct sample sample[SAMPLES];
    CHECK(exchange_local_create(&alone, &error) == STATUS_OK);
    start(&whole, setting, alone);
    start(&part, setting, exchange);
    make_samples(&whole, x, sample);
    step(&whole, x, sample);
    step(&part, x, sample);
    const double sums[MARGIN_SUMS] = {0};
    classifier_advance(whole.classifier, sums); /* centres that are not zero */
    classifier_advance(part.classifier, sums);
    step(&whole, x, sample);
    uint64_t before = bytes_of(exchange);
    step(&part, x, sample);
    CHECK(bytes_of(exchange) - before == expected_bytes(&part, sample, setting));
    compare(&whole, &part, setting);
    repeat(&part, x, sample);
    finish(&whole);
    finish(&part);
    alone->operations->close(alone);
}

int main(int argc, char **argv)
{
    const struct margin_choice arcface = {MARGIN_PLAIN, {1, 0.5, 0}};
    const struct margin_choice adaface = {MARGIN_ADAFACE, {0.4, 0.333, 0.01}};
    const struct margin_choice magface = {MARGIN_MAGFACE, {0.5, 4, 0.3, 0.8, 20}};
    const struct margin_choice curricularface = {MARGIN_CURRICULARFACE, {0.9, 0.7}};
    const struct margin_choice elasticface = {MARGIN_ELASTIC_ARC, {0.5, 0.05}};
    const struct margin_choice uniface = {MARGIN_UNIFACE, {0.4, 0.7}};
    const struct setting settings[] = {
        {true, 0, 1, false, arcface, 0, 0},        {false, 0, 1, false, arcface, 0, 0},
        {false, 0, 2, false, arcface, 0, 0},       {false, 0.01, 1, false, arcface, 0, 0},
        {false, 0.3, 2, false, arcface, 0, 0},     {false, 1, 1, false, arcface, 0, 0},
        {true, 0, 2, true, arcface, 0, 0},         {false, 0, 1, true, arcface, 0, 0},
        {false, 0, 2, true, arcface, 0, 0},        {false, 0.05, 2, true, arcface, 0, 0},
        {true, 0, 2, false, adaface, 0, 0},        {false, 0, 1, true, adaface, 0, 0},
        {false, 0, 1, false, magface, 0, 0},       {false, 0.05, 2, true, magface, 0, 0},
        {true, 0, 1, false, curricularface, 0, 0}, {false, 0.3, 2, false, curricularface, 0, 0},
        {false, 0, 2, true, curricularface, 0, 0}, {false, 0.3, 1, false, elasticface, 0, 0},
        {true, 0, 1, false, uniface, 0, 0},        {false, 0.3, 2, false, uniface, 0, 0},
        {false, 0, 2, true, uniface, 0, 0},        {false, 0, 2, false, arcface, 0.1, 0},
        {false, 0.3, 1, true, uniface, 0.1, 0},    {true, 0, 1, true, magface, 0.1, 0},
        {true, 0, 1, false, arcface, 0, 0.1},      {false, 0, 2, false, arcface, 0, 0.3},
        {false, 0.05, 2, true, adaface, 0, 0.25},  {true, 0, 2, true, curricularface, 0, 0.5},
        {false, 0.3, 1, false, uniface, 0.1, 0.3}};
    struct exchange *exchange;
    exchange_mpi_prepare();
    MPI_Init(&argc, &argv);
    CHECK(exchange_mpi_create(MPI_COMM_WORLD, &exchange, &error) == STATUS_OK);
    CHECK(SAMPLES >= exchange->size);
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        is_that_of_one_worker(exchange, &settings[i]);
    }
    exchange->operations->close(exchange);
    MPI_Finalize();
    return 0;
}
