/* Which classes stand in a sample's denominator: the classifier against the softmax over exactly those, in double, class
 * by class and without tiles. */
#include "worker/loss/classifier.h"

#include "proto/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { DATASETS = 3, CLASSES = 21, DIMENSION = 8, SAMPLES = 12 };
#define TOLERANCE 1e-5
#define FILTER 0.4

static const uint32_t classes[DATASETS] = {5, 7, 9};
static const uint32_t first_class[DATASETS + 1] = {0, 5, 12, 21};
static const double weight[DATASETS] = {1, 0.5, 2};
static const struct margin margin = {1, 0.3, 0.1};

struct problem {
    struct classifier_config config;
    struct exchange *exchange;
    struct classifier *classifier;
    struct identity_groups *groups;
    float x[SAMPLES * DIMENSION], grad_x[SAMPLES * DIMENSION];
    struct sample sample[SAMPLES];
    uint32_t target[SAMPLES]; /* class whose row is the target */
    bool rival[SAMPLES][CLASSES];
    struct classifier_sums sums;
    struct error error;
};

static size_t dataset_of(uint32_t class_index)
{
    return class_index < first_class[1] ? 0 : class_index < first_class[2] ? 1 : 2;
}

static struct parameter_group group_of(const struct problem *problem, uint32_t class_index)
{
    return classifier_parameter_group(problem->classifier, dataset_of(class_index), "rows");
}

static float *row_of(const struct problem *problem, uint32_t class_index)
{
    size_t label = class_index - first_class[dataset_of(class_index)];
    return group_of(problem, class_index).weight + label * DIMENSION;
}

/* Of a class that does not stand in the step zeros. */
static const float *gradient_of(const struct problem *problem, uint32_t class_index)
{
    static const float zeros[DIMENSION];
    const struct parameter_group group = group_of(problem, class_index);
    size_t label = class_index - first_class[dataset_of(class_index)];
    if (!group.drawn) {
        return group.gradient + label * DIMENSION;
    }
    for (size_t i = 0; i < group.drawn->count; i++) {
        if (group.drawn->row[i] == label) {
            return group.drawn->gradient + i * DIMENSION;
        }
    }
    return zeros;
}

static bool stands(const struct problem *problem, uint32_t class_index)
{
    const struct parameter_group group = group_of(problem, class_index);
    for (size_t i = 0; group.drawn && i < group.drawn->count; i++) {
        if (group.drawn->row[i] == class_index - first_class[dataset_of(class_index)]) {
            return true;
        }
    }
    return !group.drawn;
}

static double cosine_of(const float *a, const float *b)
{
    double dot = 0, aa = 0, bb = 0;
    for (int j = 0; j < DIMENSION; j++) {
        dot += (double)a[j] * (double)b[j];
        aa += (double)a[j] * (double)a[j];
        bb += (double)b[j] * (double)b[j];
    }
    return dot / sqrt(aa * bb);
}

/* Samples of all datasets, each near its own class and a class of its dataset that is not its own, or far from both. */
static void start(struct problem *problem, const struct classifier_config *config)
{
    problem->config = *config;
    problem->config.embedding = DIMENSION;
    problem->config.datasets = DATASETS;
    problem->config.classes = classes;
    problem->config.weight = weight;
    problem->config.rows_min = 2;
    problem->config.margin = (struct margin_choice){MARGIN_PLAIN, {margin.m1, margin.m2, margin.m3}};
    problem->config.scale = 16;
    problem->config.seed = 7;
    problem->config.round_max = SAMPLES;
    problem->config.step_max = SAMPLES;
    problem->config.threads = 2;
    assert_int_equal(exchange_local_create(&problem->exchange, &problem->error), STATUS_OK);
    assert_int_equal(
        classifier_create(&problem->config, problem->exchange, &problem->classifier, &problem->error),
        STATUS_OK);
    classifier_init(problem->classifier);
    assert_int_equal(identity_groups_create(classes, DATASETS, &problem->groups, &problem->error), STATUS_OK);
    for (uint32_t i = 0; i < SAMPLES; i++) {
        uint32_t k = i % DATASETS;
        uint32_t label = i * 5 % classes[k];
        struct random random = random_stream(3, RANDOM_SYNTH, i, 0);
        const float *own = row_of(problem, first_class[k] + label);
        const float *other = row_of(problem, first_class[k] + (label + 2) % classes[k]);
        problem->sample[i] = (struct sample){k, label, sample_id(k, i)};
        for (uint32_t j = 0; j < DIMENSION; j++) {
            problem->x[i * DIMENSION + j] =
                60.0f * own[j] + (i % 4 < 2 ? 70.0f : -20.0f) * other[j] + 0.3f * random_normal(&random);
        }
    }
}

static void finish(struct problem *problem)
{
    classifier_free(problem->classifier);
    identity_groups_free(problem->groups);
    problem->exchange->operations->close(problem->exchange);
}

/* The rivals as the scope and the groups say, before crossing dropout and the filter. */
static void set_rivals(struct problem *problem)
{
    for (uint32_t i = 0; i < SAMPLES; i++) {
        const struct sample *sample = &problem->sample[i];
        problem->target[i] = problem->groups->home[first_class[sample->dataset] + sample->label];
        for (uint32_t c = 0; c < CLASSES; c++) {
            bool met = problem->config.scope_all || identity_groups_has(problem->groups, c, sample->dataset);
            problem->rival[i][c] =
                met && stands(problem, c) && problem->groups->home[c] == c && c != problem->target[i];
        }
    }
}

static void add_crossing(struct problem *problem)
{
    size_t count;
    const struct crossing_draw *draw = classifier_draws(problem->classifier, &count);
    for (size_t d = 0; d < count; d++) {
        problem->rival[draw[d].sample][draw[d].class_index] = true;
    }
}

/* Returns how many are left out. */
static int filter_rivals(struct problem *problem, double threshold)
{
    int left_out = 0;
    for (uint32_t i = 0; i < SAMPLES; i++) {
        for (uint32_t c = 0; c < CLASSES; c++) {
            double cosine = cosine_of(problem->x + i * DIMENSION, row_of(problem, c));
            bool left = problem->rival[i][c] && cosine > threshold;
            assert_true(fabs(cosine - threshold) > 1e-5);
            left_out += left;
            problem->rival[i][c] = problem->rival[i][c] && !left;
        }
    }
    return left_out;
}

static void step(struct problem *problem, int64_t number)
{
    problem->sums = (struct classifier_sums){0};
    classifier_zero_gradient(problem->classifier);
    assert_int_equal(classifier_draw(problem->classifier, SAMPLES, problem->sample, number, &problem->error),
                     STATUS_OK);
    assert_int_equal(classifier_step(problem->classifier, SAMPLES, problem->x, problem->sample, SAMPLES,
                                     number, problem->grad_x, &problem->sums, &problem->error),
                     STATUS_OK);
}

/* Adds slope times d cosine / d a. */
static void add_slope(double *gradient, const float *a, const float *b, double slope)
{
    double cosine = cosine_of(a, b), aa = 0, bb = 0;
    for (int j = 0; j < DIMENSION; j++) {
        aa += (double)a[j] * (double)a[j];
        bb += (double)b[j] * (double)b[j];
    }
    for (int j = 0; j < DIMENSION; j++) {
        gradient[j] += slope * ((double)b[j] / sqrt(bb) - cosine * (double)a[j] / sqrt(aa)) / sqrt(aa);
    }
}

static void compare(const struct problem *problem)
{
    double grad_x[SAMPLES][DIMENSION] = {{0}}, grad_w[CLASSES][DIMENSION] = {{0}};
    double loss = 0, correct = 0;
    double scale = problem->config.scale;
    for (uint32_t i = 0; i < SAMPLES; i++) {
        const float *x = problem->x + i * DIMENSION;
        const float *own = row_of(problem, problem->target[i]);
        double share = weight[problem->sample[i].dataset];
        double cosine = cosine_of(x, own), largest = -2;
        double right = exp(scale * margin_forward(&margin, cosine)), sum = right;
        for (uint32_t c = 0; c < CLASSES; c++) {
            double rival = problem->rival[i][c] ? cosine_of(x, row_of(problem, c)) : -2;
            sum += problem->rival[i][c] ? exp(scale * rival) : 0;
            largest = rival > largest ? rival : largest;
        }
        loss += share * log(sum / right);
        correct += cosine > largest;
        share *= scale / SAMPLES;
        for (uint32_t c = 0; c < CLASSES; c++) {
            const float *row = row_of(problem, c);
            if (problem->rival[i][c]) {
                double slope = share * exp(scale * cosine_of(x, row)) / sum;
                add_slope(grad_x[i], x, row, slope);
                add_slope(grad_w[c], row, x, slope);
            }
        }
        double slope = -share * (1 - right / sum) * margin_backward(&margin, cosine);
        add_slope(grad_x[i], x, own, slope);
        add_slope(grad_w[problem->target[i]], own, x, slope);
    }
    assert_true(fabs(problem->sums.loss - loss) <= TOLERANCE * loss);
    assert_true(problem->sums.correct == correct);
    for (uint32_t i = 0; i < SAMPLES * DIMENSION; i++) {
        assert_true(fabs((double)problem->grad_x[i] - grad_x[i / DIMENSION][i % DIMENSION]) <= TOLERANCE);
    }
    for (uint32_t c = 0; c < CLASSES; c++) {
        for (uint32_t j = 0; j < DIMENSION; j++) {
            assert_true(fabs((double)gradient_of(problem, c)[j] - grad_w[c][j]) <= 100 * TOLERANCE);
        }
    }
}

static void share_people(struct problem *problem)
{
    assert_true(identity_groups_join(problem->groups, 1, first_class[1] + 3, NULL));
    assert_true(identity_groups_join(problem->groups, first_class[1] + 3, first_class[2] + 4, NULL));
    assert_true(identity_groups_join(problem->groups, 4, first_class[2], NULL));
    assert_int_equal(classifier_set_groups(problem->classifier, problem->groups, &problem->error), STATUS_OK);
}

/* Scope dataset, all, and crossing dropout, without and with identity groups. */
static void filtered_classes_are_no_rivals(void **state)
{
    (void)state;
    static const struct classifier_config configs[] = {{.filter = FILTER},
                                                       {.filter = FILTER, .scope_all = true},
                                                       {.filter = FILTER, .crossing_dropout = 0.5}};
    for (size_t i = 0; i < 6; i++) {
        struct problem problem = {0};
        start(&problem, &configs[i % 3]);
        if (i >= 3) {
            share_people(&problem);
        }
        step(&problem, 4);
        set_rivals(&problem);
        add_crossing(&problem);
        assert_true(filter_rivals(&problem, FILTER) > SAMPLES / 4);
        compare(&problem);
        finish(&problem);
    }
}

/* A sample all of whose rivals are left out has no loss and gives no gradient. */
static void a_sample_without_rivals_costs_nothing(void **state)
{
    (void)state;
    struct problem problem = {0};
    start(&problem, &(struct classifier_config){.filter = 1e-6});
    for (uint32_t c = 0; c < CLASSES; c++) {
        for (uint32_t j = 0; j < DIMENSION; j++) {
            row_of(&problem, c)[j] = 1 + (j == c % DIMENSION);
        }
    }
    for (uint32_t i = 0; i < SAMPLES * DIMENSION; i++) {
        problem.x[i] = 1;
    }
    step(&problem, 4);
    assert_true(problem.sums.loss == 0 && problem.sums.correct == SAMPLES);
    for (uint32_t i = 0; i < SAMPLES * DIMENSION; i++) {
        assert_true(problem.grad_x[i] == 0);
    }
    finish(&problem);
}

/* Own classes always, homes alone, others now and then; and the step is that of a classifier without the rest. */
static void drawn_classes_are_all_there_are(void **state)
{
    (void)state;
    static const struct classifier_config configs[] = {
        {.sample = 0.3},
        {.sample = 0.3, .scope_all = true},
        {.sample = 0.5, .crossing_dropout = 0.5},
        {.sample = 0.5, .crossing_dropout = 1, .filter = FILTER}};
    for (size_t i = 0; i < 8; i++) {
        struct problem problem = {0};
        int out = 0, in = 0;
        start(&problem, &configs[i % 4]);
        if (i >= 4) {
            share_people(&problem);
        }
        for (int64_t number = 0; number < 20; number++) {
            bool own[CLASSES] = {false};
            step(&problem, number);
            set_rivals(&problem);
            add_crossing(&problem);
            if (problem.config.filter > 0) {
                filter_rivals(&problem, problem.config.filter);
            }
            for (uint32_t s = 0; s < SAMPLES; s++) {
                own[problem.target[s]] = true;
            }
            for (uint32_t c = 0; c < CLASSES; c++) {
                bool home = problem.groups->home[c] == c;
                assert_true(home || !stands(&problem, c));
                assert_true(!own[c] || stands(&problem, c));
                in += home && !own[c] && stands(&problem, c);
                out += !stands(&problem, c);
                for (uint32_t s = 0; s < SAMPLES; s++) {
                    assert_true(stands(&problem, c) || !problem.rival[s][c]);
                }
            }
            compare(&problem);
        }
        assert_true(in > 20 && out > 20);
        finish(&problem);
    }
}

/* A draw that leaves nobody out gives the bits of none. */
static void all_drawn_is_none_drawn(void **state)
{
    (void)state;
    static const struct classifier_config configs[] = {
        {.sample = 1},
        {.sample = 1, .scope_all = true},
        {.sample = 1, .crossing_dropout = 0.5, .filter = FILTER}};
    for (size_t i = 0; i < 3; i++) {
        struct problem full = {0}, drawn = {0};
        struct classifier_config config = configs[i];
        start(&full, &config);
        config.sample = nextafter(1, 0);
        start(&drawn, &config);
        step(&full, 2);
        step(&drawn, 2);
        assert_true(!group_of(&full, 0).drawn && group_of(&drawn, 0).drawn);
        assert_memory_equal(full.grad_x, drawn.grad_x, sizeof full.grad_x);
        assert_true(full.sums.loss == drawn.sums.loss && full.sums.correct == drawn.sums.correct);
        for (uint32_t c = 0; c < CLASSES; c++) {
            assert_true(stands(&drawn, c));
            assert_memory_equal(gradient_of(&full, c), gradient_of(&drawn, c), DIMENSION * sizeof(float));
        }
        finish(&full);
        finish(&drawn);
    }
}

/* Rounds of one step add up, more samples are refused until there is room, and then there is. */
static void a_step_has_one_draw(void **state)
{
    (void)state;
    struct problem whole = {0}, parts = {0};
    start(&whole, &(struct classifier_config){.sample = 0.3});
    step(&whole, 6);
    start(&parts, &(struct classifier_config){.sample = 0.3});
    struct sample twice[2 * SAMPLES];
    memcpy(twice, parts.sample, sizeof parts.sample);
    memcpy(twice + SAMPLES, parts.sample, sizeof parts.sample);
    assert_int_equal(classifier_draw(parts.classifier, 2 * SAMPLES, twice, 6, &parts.error), STATUS_INTERNAL);
    assert_int_equal(classifier_reserve(parts.classifier, 2 * SAMPLES, &parts.error), STATUS_OK);
    assert_int_equal(classifier_draw(parts.classifier, 2 * SAMPLES, twice, 6, &parts.error), STATUS_OK);
    for (int begin = 0; begin < SAMPLES; begin += 3) {
        size_t at = (size_t)begin * DIMENSION;
        assert_int_equal(classifier_step(parts.classifier, 3, parts.x + at, parts.sample + begin, SAMPLES, 6,
                                         parts.grad_x + at, &parts.sums, &parts.error),
                         STATUS_OK);
    }
    assert_true(fabs(parts.sums.loss - whole.sums.loss) <= TOLERANCE * whole.sums.loss);
    for (uint32_t c = 0; c < CLASSES; c++) {
        assert_true(stands(&parts, c) == stands(&whole, c));
        for (uint32_t j = 0; j < DIMENSION; j++) {
            assert_true(fabs((double)gradient_of(&parts, c)[j] - (double)gradient_of(&whole, c)[j]) <=
                        100 * TOLERANCE);
        }
    }
    const struct sample wrong = {1, 7, 0};
    assert_int_equal(classifier_draw(parts.classifier, 1, &wrong, 6, &parts.error), STATUS_INTERNAL);
    finish(&whole);
    finish(&parts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(filtered_classes_are_no_rivals),
        cmocka_unit_test(a_sample_without_rivals_costs_nothing),
        cmocka_unit_test(drawn_classes_are_all_there_are),
        cmocka_unit_test(all_drawn_is_none_drawn),
        cmocka_unit_test(a_step_has_one_draw),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
