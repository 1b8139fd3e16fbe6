#include "worker/loss/classifier.h"

#include "proto/random.h"
#include "tests/unit/golden.h"

#define GOLDEN "tests/oracle/loss/classifier.golden"
#define TOLERANCE 1e-5

/* The golden problem: one worker, a few datasets. */
struct fixture {
    struct exchange *exchange;
    struct classifier *classifier;
    struct classifier_config config;
    uint32_t *classes;
    double *weights;
    float *x;
    struct sample *sample;
    int count;
    int64_t global_batch, step;
    float *grad_x;
    struct classifier_sums sums;
    struct error error;
};

static void load(struct fixture *fixture)
{
    size_t count;
    *fixture = (struct fixture){0};
    double *shape = golden_values(GOLDEN, "shape", &count);
    double *classes = golden_values(GOLDEN, "classes", &count);
    fixture->weights = golden_values(GOLDEN, "weights", &count);
    fixture->x = golden_floats(GOLDEN, "x", &count);
    double *datasets = golden_values(GOLDEN, "datasets", &count);
    double *labels = golden_values(GOLDEN, "labels", &count);
    double *ids = golden_values(GOLDEN, "ids", &count);
    fixture->count = (int)shape[1];
    fixture->global_batch = (int64_t)shape[2];
    fixture->step = (int64_t)shape[4];
    fixture->classes = calloc((size_t)shape[5], sizeof *fixture->classes);
    fixture->sample = calloc(count, sizeof *fixture->sample);
    fixture->grad_x = calloc(count * (size_t)shape[0], sizeof *fixture->grad_x);
    for (size_t k = 0; k < (size_t)shape[5]; k++) {
        fixture->classes[k] = (uint32_t)classes[k];
    }
    for (size_t i = 0; i < count; i++) {
        fixture->sample[i] = (struct sample){(uint32_t)datasets[i], (uint32_t)labels[i], (uint64_t)ids[i]};
    }
    fixture->config = (struct classifier_config){.embedding = (int)shape[0],
                                                 .datasets = (size_t)shape[5],
                                                 .classes = fixture->classes,
                                                 .weight = fixture->weights,
                                                 .rows_min = 2,
                                                 .margin = {MARGIN_PLAIN, {1, 0.5, 0}},
                                                 .scale = 64,
                                                 .seed = (uint64_t)shape[3],
                                                 .round_max = fixture->count,
                                                 .threads = 2};
    assert_int_equal(exchange_local_create(&fixture->exchange, &fixture->error), STATUS_OK);
    free(shape);
    free(classes);
    free(datasets);
    free(labels);
    free(ids);
}

/* A fresh classifier of the fixture's configuration with the golden weights. */
static void renew(struct fixture *fixture)
{
    size_t count;
    classifier_free(fixture->classifier);
    assert_int_equal(
        classifier_create(&fixture->config, fixture->exchange, &fixture->classifier, &fixture->error),
        STATUS_OK);
    float *weight = golden_floats(GOLDEN, "w", &count);
    const float *from = weight;
    for (size_t k = 0; k < fixture->config.datasets; k++) {
        size_t values = fixture->classes[k] * (size_t)fixture->config.embedding;
        memcpy(classifier_parameter_group(fixture->classifier, k, "rows").weight, from,
               values * sizeof *from);
        from += values;
    }
    free(weight);
}

static void step(struct fixture *fixture)
{
    fixture->sums = (struct classifier_sums){0};
    assert_int_equal(classifier_step(fixture->classifier, fixture->count, fixture->x, fixture->sample,
                                     fixture->global_batch, fixture->step, fixture->grad_x, &fixture->sums,
                                     &fixture->error),
                     STATUS_OK);
}

static void unload(struct fixture *fixture)
{
    classifier_free(fixture->classifier);
    fixture->exchange->operations->close(fixture->exchange);
    free(fixture->classes);
    free(fixture->weights);
    free(fixture->x);
    free(fixture->sample);
    free(fixture->grad_x);
}

/* The gradients of all datasets' rows end to end; the caller frees them. */
static float *gradients(struct fixture *fixture, size_t *count)
{
    size_t dimension = (size_t)fixture->config.embedding;
    *count = 0;
    for (size_t k = 0; k < fixture->config.datasets; k++) {
        *count += fixture->classes[k] * dimension;
    }
    float *all = calloc(*count, sizeof *all);
    float *to = all;
    for (size_t k = 0; k < fixture->config.datasets; k++) {
        size_t values = fixture->classes[k] * dimension;
        memcpy(to, classifier_parameter_group(fixture->classifier, k, "rows").gradient, values * sizeof *to);
        to += values;
    }
    return all;
}

static void check_draws(const struct fixture *fixture, const char *name)
{
    size_t count, found;
    double *expected = golden_values(GOLDEN, name, &count);
    const struct crossing_draw *draw = classifier_draws(fixture->classifier, &found);
    assert_int_equal(found, count / 2);
    for (size_t i = 0; i < found; i++) {
        bool there = false;
        for (size_t j = 0; j < found; j++) {
            there = there || (draw[i].sample == (uint32_t)expected[2 * j] &&
                              draw[i].class_index == (uint32_t)expected[2 * j + 1]);
        }
        assert_true(there);
    }
    free(expected);
}

/* One golden case, with identity groups where there are any. */
static void compare_case(struct fixture *fixture, const char *key, const struct identity_groups *groups)
{
    size_t count;
    char name[32];
    snprintf(name, sizeof name, "%s.setting", key);
    double *setting = golden_values(GOLDEN, name, &count);
    fixture->config.margin = (struct margin_choice){MARGIN_PLAIN, {setting[0], setting[1], setting[2]}};
    fixture->config.scale = setting[3];
    fixture->config.scope_all = setting[4] > 0;
    fixture->config.crossing_dropout = setting[5];
    free(setting);
    renew(fixture);
    assert_int_equal(classifier_set_groups(fixture->classifier, groups, &fixture->error), STATUS_OK);
    step(fixture);
    const struct classifier_sums *sums = &fixture->sums;
    float found[2] = {(float)sums->loss, (float)sums->correct};
    snprintf(name, sizeof name, "%s.sums", key);
    golden_check(GOLDEN, name, found, 2, TOLERANCE);
    double *counts = golden_values(GOLDEN, name, &count);
    assert_true(sums->correct == counts[1]);
    free(counts);
    snprintf(name, sizeof name, "%s.draws", key);
    check_draws(fixture, name);
    snprintf(name, sizeof name, "%s.grad_x", key);
    golden_check(GOLDEN, name, fixture->grad_x, (size_t)(fixture->count * fixture->config.embedding),
                 TOLERANCE);
    snprintf(name, sizeof name, "%s.grad_w", key);
    float *gradient = gradients(fixture, &count);
    golden_check(GOLDEN, name, gradient, count, TOLERANCE);
    free(gradient);
}

static void equals_pytorch(void **state)
{
    (void)state;
    struct fixture fixture;
    size_t count;
    load(&fixture);
    double *cases = golden_values(GOLDEN, "cases", &count);
    for (int number = 0; number < (int)cases[0]; number++) {
        char key[16];
        snprintf(key, sizeof key, "case%d", number);
        compare_case(&fixture, key, NULL);
    }
    free(cases);
    unload(&fixture);
}

/* The golden groups; the caller frees them. */
static struct identity_groups *golden_groups(struct fixture *fixture)
{
    size_t count;
    struct identity_groups *groups;
    assert_int_equal(
        identity_groups_create(fixture->classes, fixture->config.datasets, &groups, &fixture->error),
        STATUS_OK);
    double *home = golden_values(GOLDEN, "groups", &count);
    for (size_t c = 0; c < count; c++) {
        assert_true(identity_groups_join(groups, (uint32_t)home[c], (uint32_t)c, NULL));
    }
    free(home);
    assert_true(groups->shared > 0);
    return groups;
}

static void groups_equal_pytorch(void **state)
{
    (void)state;
    struct fixture fixture;
    size_t count;
    load(&fixture);
    struct identity_groups *groups = golden_groups(&fixture);
    double *cases = golden_values(GOLDEN, "group_cases", &count);
    for (int number = 0; number < (int)cases[0]; number++) {
        char key[24];
        snprintf(key, sizeof key, "group%d", number);
        compare_case(&fixture, key, groups);
    }
    free(cases);
    unload(&fixture);
    identity_groups_free(groups);
}

/* Groups of one class each, and groups that were given and taken back, leave the very bits of none. */
static void every_class_alone_is_no_groups(void **state)
{
    (void)state;
    for (int scope = 0; scope < 3; scope++) {
        struct fixture fixture;
        size_t count;
        load(&fixture);
        fixture.config.scope_all = scope == 1;
        fixture.config.crossing_dropout = scope == 2 ? 0.4 : 0;
        renew(&fixture);
        step(&fixture);
        size_t values = (size_t)(fixture.count * fixture.config.embedding) * sizeof(float);
        float *grad_x = malloc(values);
        memcpy(grad_x, fixture.grad_x, values);
        float *gradient = gradients(&fixture, &count);
        struct classifier_sums sums = fixture.sums;

        struct identity_groups *groups = golden_groups(&fixture);
        renew(&fixture);
        assert_int_equal(classifier_set_groups(fixture.classifier, groups, &fixture.error), STATUS_OK);
        step(&fixture);
        assert_true(memcmp(grad_x, fixture.grad_x, values) != 0);
        identity_groups_clear(groups);
        assert_int_equal(classifier_set_groups(fixture.classifier, groups, &fixture.error), STATUS_OK);
        classifier_zero_gradient(fixture.classifier);
        step(&fixture);
        float *alone = gradients(&fixture, &count);
        assert_memory_equal(grad_x, fixture.grad_x, values);
        assert_memory_equal(gradient, alone, count * sizeof *alone);
        assert_true(sums.loss == fixture.sums.loss && sums.correct == fixture.sums.correct);
        free(grad_x);
        free(gradient);
        free(alone);
        unload(&fixture);
        identity_groups_free(groups);
    }
}

/* Two rounds of half the samples give the gradients of one round with all. */
static void rounds_add_up(void **state)
{
    (void)state;
    struct fixture fixture;
    load(&fixture);
    fixture.config.crossing_dropout = 0.3;
    renew(&fixture);
    step(&fixture);
    size_t count;
    size_t dimension = (size_t)fixture.config.embedding;
    struct classifier_sums sums = {0};
    float *whole = gradients(&fixture, &count);
    float *grad_x = calloc((size_t)fixture.count * dimension, sizeof *grad_x);
    classifier_zero_gradient(fixture.classifier);
    for (int begin = 0; begin < fixture.count; begin += 3) {
        size_t at = (size_t)begin * dimension;
        assert_int_equal(classifier_step(fixture.classifier, 3, fixture.x + at, fixture.sample + begin,
                                         fixture.global_batch, fixture.step, grad_x + at, &sums,
                                         &fixture.error),
                         STATUS_OK);
    }
    float *parts = gradients(&fixture, &count);
    for (size_t i = 0; i < count; i++) {
        assert_near((double)parts[i], (double)whole[i], 1e-6);
    }
    for (size_t i = 0; i < (size_t)fixture.count * dimension; i++) {
        assert_near((double)grad_x[i], (double)fixture.grad_x[i], 1e-6);
    }
    assert_near(sums.loss, fixture.sums.loss, 1e-4);
    assert_true(sums.correct == fixture.sums.correct);
    free(grad_x);
    free(whole);
    free(parts);
    unload(&fixture);
}

static void crossing_of_one_is_scope_all(void **state)
{
    (void)state;
    struct fixture fixture;
    size_t count;
    load(&fixture);
    fixture.config.scope_all = true;
    renew(&fixture);
    step(&fixture);
    struct classifier_sums sums = fixture.sums;
    float *all = gradients(&fixture, &count);
    size_t values = (size_t)(fixture.count * fixture.config.embedding);
    float *grad_x = calloc(values, sizeof *grad_x);
    memcpy(grad_x, fixture.grad_x, values * sizeof *grad_x);
    fixture.config.scope_all = false;
    fixture.config.crossing_dropout = 1;
    renew(&fixture);
    step(&fixture);
    float *crossing = gradients(&fixture, &count);
    for (size_t i = 0; i < count; i++) {
        assert_near((double)crossing[i], (double)all[i], 1e-5);
    }
    for (size_t i = 0; i < values; i++) {
        assert_near((double)fixture.grad_x[i], (double)grad_x[i], 1e-5);
    }
    assert_near(fixture.sums.loss, sums.loss, 1e-6 * sums.loss);
    assert_true(fixture.sums.correct == sums.correct);
    free(grad_x);
    free(all);
    free(crossing);
    unload(&fixture);
}

/* More cosines than may be kept: the second pass makes the rest again. */
static void tiles_that_are_made_again(void **state)
{
    (void)state;
    enum { ROWS = 140000, SAMPLES = 96, DIMENSION = 4 };
    const uint32_t classes[] = {ROWS};
    const double weight[] = {1};
    struct classifier_config config = {.embedding = DIMENSION,
                                       .datasets = 1,
                                       .classes = classes,
                                       .weight = weight,
                                       .rows_min = 1,
                                       .margin = {MARGIN_PLAIN, {1, 0.5, 0}},
                                       .scale = 16,
                                       .round_max = SAMPLES,
                                       .threads = 2};
    assert_true((size_t)ROWS * SAMPLES * sizeof(float) > CLASSIFIER_TILE_BYTES);
    struct exchange *exchange;
    struct classifier *classifier;
    struct error error;
    assert_int_equal(exchange_local_create(&exchange, &error), STATUS_OK);
    assert_int_equal(classifier_create(&config, exchange, &classifier, &error), STATUS_OK);
    assert_true(classifier_memory_bytes(classifier) <
                3 * sizeof(float) * ROWS * DIMENSION + CLASSIFIER_TILE_BYTES + (8u << 20));
    classifier_init(classifier);
    float x[SAMPLES * DIMENSION], whole[SAMPLES * DIMENSION], part[SAMPLES * DIMENSION];
    struct sample sample[SAMPLES];
    struct random random = random_stream(1, RANDOM_SYNTH, 0, 0);
    for (uint32_t i = 0; i < SAMPLES; i++) {
        sample[i] = (struct sample){0, i * 1451, i};
        for (int j = 0; j < DIMENSION; j++) {
            x[i * DIMENSION + (uint32_t)j] = random_normal(&random);
        }
    }
    struct classifier_sums once = {0};
    struct classifier_sums split = {0};
    size_t values = (size_t)ROWS * DIMENSION;
    const struct parameter_group block = classifier_parameter_group(classifier, 0, "rows");
    assert_int_equal(classifier_step(classifier, SAMPLES, x, sample, SAMPLES, 0, whole, &once, &error),
                     STATUS_OK);
    float *gradient = calloc(values, sizeof *gradient);
    memcpy(gradient, block.gradient, values * sizeof *gradient);
    classifier_zero_gradient(classifier);
    for (int begin = 0; begin < SAMPLES; begin += SAMPLES / 4) { /* rounds that fit */
        assert_int_equal(classifier_step(classifier, SAMPLES / 4, x + begin * DIMENSION, sample + begin,
                                         SAMPLES, 0, part + begin * DIMENSION, &split, &error),
                         STATUS_OK);
    }
    assert_near(split.loss, once.loss, 1e-6 * once.loss);
    double largest = 0;
    for (size_t i = 0; i < values; i++) {
        largest = fmax(largest, fabs((double)gradient[i]));
    }
    for (size_t i = 0; i < values; i++) {
        assert_true(fabs((double)(gradient[i] - block.gradient[i])) <= 1e-5 * largest);
    }
    for (size_t i = 0; i < SAMPLES * DIMENSION; i++) {
        assert_near((double)part[i], (double)whole[i], 1e-5);
    }
    free(gradient);
    classifier_free(classifier);
    exchange->operations->close(exchange);
}

static bool all_finite(const float *value, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(value[i])) {
            return false;
        }
    }
    return true;
}

static void zero_vectors_give_no_gradient(void **state)
{
    (void)state;
    struct fixture fixture;
    size_t count;
    load(&fixture);
    for (int crossing = 0; crossing < 2; crossing++) {
        fixture.config.crossing_dropout = crossing * 0.5;
        renew(&fixture);
        size_t dimension = (size_t)fixture.config.embedding;
        const struct parameter_group block = classifier_parameter_group(fixture.classifier, 0, "rows");
        memset(fixture.x, 0, dimension * sizeof *fixture.x); /* sample 0, of dataset 0 */
        memset(block.weight, 0, dimension * sizeof *block.weight); /* a rival of it */
        memset(block.weight + 4 * dimension, 0, dimension * sizeof(float)); /* the target of sample 7 */
        step(&fixture);
        assert_true(isfinite(fixture.sums.loss) && fixture.sums.loss > 0);
        float *gradient = gradients(&fixture, &count);
        assert_true(all_finite(gradient, count));
        assert_true(all_finite(fixture.grad_x, (size_t)fixture.count * dimension));
        for (size_t j = 0; j < dimension; j++) {
            assert_true(fixture.grad_x[j] == 0 && gradient[j] == 0 && gradient[4 * dimension + j] == 0);
        }
        free(gradient);
    }
    unload(&fixture);
}

/* What is not finite shows in the loss, wherever it comes in. */
static void not_finite_shows(void **state)
{
    (void)state;
    struct fixture fixture;
    load(&fixture);
    const float bad[] = {NAN, INFINITY, -INFINITY};
    for (size_t b = 0; b < 3; b++) {
        for (int where = 0; where < 4; where++) {
            fixture.config.crossing_dropout = where == 3 ? 1 : 0;
            renew(&fixture);
            float kept = fixture.x[5];
            const struct parameter_group block = classifier_parameter_group(fixture.classifier, 2, "rows");
            size_t dimension = (size_t)fixture.config.embedding;
            switch (where) {
            case 0:
                fixture.x[5] = bad[b];
                break;
            case 1:
                block.weight[0 * dimension + 1] = bad[b]; /* the target of sample 1 */
                break;
            default:
                block.weight[2 * dimension + 7] = bad[b]; /* a target of nobody */
                break;
            }
            step(&fixture);
            assert_true(!isfinite(fixture.sums.loss));
            fixture.x[5] = kept;
        }
    }
    unload(&fixture);
}

/* The centres, end to end: of each class the sum of its samples' unit embeddings, then how many; 0 of an embedding that
 * is no number. */
static void centres_are_sums_of_unit_embeddings(void **state)
{
    (void)state;
    struct fixture fixture;
    load(&fixture);
    fixture.config.centres = true;
    renew(&fixture);
    const size_t dimension = (size_t)fixture.config.embedding;
    step(&fixture);
    classifier_forget(fixture.classifier, 0.5);
    fixture.x[5] = NAN;
    step(&fixture);
    for (size_t k = 0; k < fixture.config.datasets; k++) {
        const struct parameter_group rows = classifier_parameter_group(fixture.classifier, k, "rows");
        assert_int_equal(rows.centre_count, fixture.classes[k] * (dimension + 1));
        double *wanted = calloc(rows.centre_count, sizeof *wanted);
        for (int i = 0; i < fixture.count; i++) {
            const float *x = fixture.x + (size_t)i * dimension;
            const size_t label = fixture.sample[i].label;
            double square = 0;
            if (fixture.sample[i].dataset != k) {
                continue;
            }
            for (size_t d = 0; d < dimension; d++) {
                square += (double)x[d] * (double)x[d];
            }
            /* The first has lost its second embedding, and what the first one was. */
            for (size_t d = 0; d < dimension && i > 0; d++) {
                wanted[label * dimension + d] += 1.5 * (double)x[d] / sqrt(square);
            }
            wanted[rows.count + label] += i > 0 ? 1.5 : 0.5;
        }
        for (size_t i = 0; i < rows.centre_count; i++) {
            const bool of_first = fixture.sample[0].dataset == k && i / dimension == fixture.sample[0].label;
            assert_true(of_first || fabs((double)rows.centre[i] - wanted[i]) < 1e-5);
        }
        free(wanted);
    }
    unload(&fixture);
}

static void a_dataset_of_one_class_costs_nothing(void **state)
{
    (void)state;
    const uint32_t classes[] = {1, 3};
    const double weight[] = {1, 1};
    struct classifier_config config = {.embedding = 3,
                                       .datasets = 2,
                                       .classes = classes,
                                       .weight = weight,
                                       .rows_min = 1,
                                       .margin = {MARGIN_PLAIN, {1, 0.5, 0}},
                                       .scale = 64,
                                       .round_max = 2,
                                       .threads = 1};
    struct exchange *exchange;
    struct classifier *classifier;
    struct error error;
    assert_int_equal(exchange_local_create(&exchange, &error), STATUS_OK);
    assert_int_equal(classifier_create(&config, exchange, &classifier, &error), STATUS_OK);
    classifier_init(classifier);
    const float x[] = {1, -2, 0.5f};
    float grad_x[] = {9, 9, 9};
    const struct sample sample = {0, 0, 0};
    struct classifier_sums sums = {0};
    assert_int_equal(classifier_step(classifier, 1, x, &sample, 1, 0, grad_x, &sums, &error), STATUS_OK);
    assert_true(sums.loss == 0 && sums.correct == 1);
    assert_true(grad_x[0] == 0 && grad_x[1] == 0 && grad_x[2] == 0);
    const float bad[] = {1, NAN, 0};
    assert_int_equal(classifier_step(classifier, 1, bad, &sample, 1, 0, grad_x, &sums, &error), STATUS_OK);
    assert_true(isnan(sums.loss));
    const struct sample wrong = {1, 3, 0};
    assert_int_equal(classifier_step(classifier, 1, x, &wrong, 1, 0, grad_x, &sums, &error), STATUS_INTERNAL);
    assert_int_equal(classifier_step(classifier, 3, x, &sample, 1, 0, grad_x, &sums, &error),
                     STATUS_INTERNAL);
    classifier_free(classifier);
    exchange->operations->close(exchange);
}

static void repeats_to_the_bit(void **state)
{
    (void)state;
    struct fixture fixture;
    size_t count;
    load(&fixture);
    fixture.config.crossing_dropout = 0.5;
    renew(&fixture);
    step(&fixture);
    float *first = gradients(&fixture, &count);
    size_t values = (size_t)(fixture.count * fixture.config.embedding);
    float *grad_x = calloc(values, sizeof *grad_x);
    memcpy(grad_x, fixture.grad_x, values * sizeof *grad_x);
    renew(&fixture);
    step(&fixture);
    float *second = gradients(&fixture, &count);
    assert_memory_equal(first, second, count * sizeof *first);
    assert_memory_equal(grad_x, fixture.grad_x, values * sizeof *grad_x);
    free(first);
    free(second);
    free(grad_x);
    unload(&fixture);
}

/* N(0, 0.01), and the weights of a row depend on (seed, dataset, row) alone. */
static void starts_as_said(void **state)
{
    (void)state;
    struct fixture fixture;
    load(&fixture);
    renew(&fixture);
    uint32_t classes[] = {300, 700, 400};
    struct fixture larger = fixture;
    larger.config.classes = classes;
    larger.classifier = NULL;
    assert_int_equal(classifier_create(&larger.config, larger.exchange, &larger.classifier, &larger.error),
                     STATUS_OK);
    classifier_init(fixture.classifier);
    classifier_init(larger.classifier);
    for (size_t k = 0; k < 3; k++) {
        assert_memory_equal(classifier_parameter_group(fixture.classifier, k, "rows").weight,
                            classifier_parameter_group(larger.classifier, k, "rows").weight,
                            fixture.classes[k] * (size_t)fixture.config.embedding * sizeof(float));
    }
    double sum = 0;
    double square = 0;
    const float *weight = classifier_parameter_group(larger.classifier, 1, "rows").weight;
    for (size_t i = 0; i < 5600; i++) {
        sum += (double)weight[i];
        square += (double)weight[i] * (double)weight[i];
    }
    assert_near(sum / 5600, 0, 5e-4);
    assert_near(sqrt(square / 5600), 0.01, 3e-4);
    assert_memory_not_equal(weight, classifier_parameter_group(larger.classifier, 2, "rows").weight, 400);
    classifier_free(larger.classifier);
    unload(&fixture);
}

static void owners_are_laid_out_as_said(void **state)
{
    (void)state;
    const uint32_t classes[] = {10, 100, 35, 1, 90};
    /* rows_min 30, 4 workers: groups of 1, 4, 2, 1, 3 */
    static const int expected[][2] = {{0, 1}, {1, 4}, {1, 2}, {3, 1}, {0, 3}};
    for (size_t k = 0; k < 5; k++) {
        int first, count;
        classifier_layout(classes, 5, 30, 4, k, &first, &count);
        assert_int_equal(first, expected[k][0]);
        assert_int_equal(count, expected[k][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_pytorch),
        cmocka_unit_test(groups_equal_pytorch),
        cmocka_unit_test(every_class_alone_is_no_groups),
        cmocka_unit_test(rounds_add_up),
        cmocka_unit_test(crossing_of_one_is_scope_all),
        cmocka_unit_test(tiles_that_are_made_again),
        cmocka_unit_test(zero_vectors_give_no_gradient),
        cmocka_unit_test(not_finite_shows),
        cmocka_unit_test(centres_are_sums_of_unit_embeddings),
        cmocka_unit_test(a_dataset_of_one_class_costs_nothing),
        cmocka_unit_test(repeats_to_the_bit),
        cmocka_unit_test(starts_as_said),
        cmocka_unit_test(owners_are_laid_out_as_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
