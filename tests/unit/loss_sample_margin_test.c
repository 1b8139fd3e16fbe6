#include "worker/loss/classifier.h"

#include "proto/random.h"
#include "tests/unit/golden.h"

static const struct margin_choice adaface = {MARGIN_ADAFACE, {0.4, 0.333, 0.01}};
static const struct margin_choice magface = {MARGIN_MAGFACE, {10, 110, 0.45, 0.8, 35}};
static const struct margin_choice curricularface = {MARGIN_CURRICULARFACE, {0.5, 0.01}};
static const struct margin_choice elastic_arc = {MARGIN_ELASTIC_ARC, {0.5, 0.05}};
static const struct margin_choice elastic_cos = {MARGIN_ELASTIC_COS, {0.35, 0.05}};
static const struct margin_draw draw = {7, 11, 13};

/* Images of the usual norm have cosface's margin, those above more of it and less of arcface's, those below the other way
 * about; nobody more than m of either. */
static void adaface_goes_by_the_norm(void **state)
{
    (void)state;
    const float running[MARGIN_RUNNING] = {20, 3.999f};
    struct sample_margin usual = sample_margin_of(&adaface, running, 20, &draw);
    struct sample_margin sharp = sample_margin_of(&adaface, running, 26, &draw);
    struct sample_margin blurred = sample_margin_of(&adaface, running, 0, &draw);
    struct sample_margin clipped = sample_margin_of(&adaface, running, 1e9, &draw);
    assert_near(usual.margin.m2, 0, 1e-6);
    assert_near(usual.margin.m3, 0.4, 1e-6);
    assert_near(sharp.margin.m2, -0.4 * 0.333 * 1.5, 1e-6);
    assert_near(sharp.margin.m3, 0.4 + 0.4 * 0.333 * 1.5, 1e-6);
    assert_near(blurred.margin.m2, 0.4, 1e-9);
    assert_near(blurred.margin.m3, 0, 1e-9);
    assert_near(clipped.margin.m2, -0.4, 1e-9);
    /* Beyond the bounds of the angle nothing moves. */
    assert_near(sample_margin_forward(&clipped, cos(0.3)), cos(1e-3) - 0.8, 1e-9);
    assert_true(sample_margin_backward(&clipped, cos(0.3)) == 0);
    assert_near(sample_margin_forward(&blurred, cos(3.0)), cos(3.14159265358979 - 1e-3), 1e-9);
    assert_true(sample_margin_backward(&blurred, cos(3.0)) == 0);
}

static void magface_grows_with_the_norm(void **state)
{
    (void)state;
    double slope;
    assert_near(sample_margin_of(&magface, NULL, 3, &draw).margin.m2, 0.45, 1e-12);
    assert_near(sample_margin_of(&magface, NULL, 60, &draw).margin.m2, 0.625, 1e-12);
    assert_near(sample_margin_of(&magface, NULL, 300, &draw).margin.m2, 0.8, 1e-12);
    assert_near(margin_norm_loss(&magface, 50, &slope), 35 * (50.0 / 12100 + 0.02), 1e-12);
    assert_true(slope < 0);
    assert_near(margin_norm_loss(&magface, 300, &slope), 35 * (2.0 / 110), 1e-12);
    assert_true(slope == 0);
    for (double norm = 11; norm < 109; norm += 3.7) {
        const double h = 1e-4;
        double unused, before = margin_norm_loss(&magface, norm - h, &unused);
        double after = margin_norm_loss(&magface, norm + h, &unused);
        margin_norm_loss(&magface, norm, &slope);
        assert_near(slope, (after - before) / (2 * h), 1e-6);
        for (double cosine = -0.99; cosine < 0.99; cosine += 0.09) {
            struct sample_margin margin = sample_margin_of(&magface, NULL, norm, &draw);
            struct sample_margin less = sample_margin_of(&magface, NULL, norm - h, &draw);
            struct sample_margin more = sample_margin_of(&magface, NULL, norm + h, &draw);
            double numeric =
                (sample_margin_forward(&more, cosine) - sample_margin_forward(&less, cosine)) / (2 * h);
            assert_near(sample_margin_norm_backward(&margin, cosine), numeric, 1e-6);
        }
    }
}

static void derivative_is_that_of_finite_differences(void **state)
{
    (void)state;
    static const struct margin_choice *const kinds[] = {&adaface, &magface, &curricularface, &elastic_arc,
                                                        &elastic_cos};
    const float running[MARGIN_RUNNING] = {20, 3};
    const double h = 1e-6;
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        for (double norm = 8; norm < 32; norm += 3.3) {
            struct sample_margin margin = sample_margin_of(kinds[k], running, norm, &draw);
            for (double cosine = -0.98; cosine < 0.985; cosine += 0.0091) {
                double numeric = (sample_margin_forward(&margin, cosine + h) -
                                  sample_margin_forward(&margin, cosine - h)) /
                                 (2 * h);
                double exact = sample_margin_backward(&margin, cosine);
                assert_true(fabs(exact - numeric) <= 1e-4 * (1 + fabs(exact)));
            }
        }
    }
}

/* Each step and sample has its own, the same each time; together they have the mean and the deviation. */
static void elasticface_draws(void **state)
{
    (void)state;
    double sum = 0, squares = 0;
    const int count = 20000;
    for (int i = 0; i < count; i++) {
        const struct margin_draw one = {3, (uint64_t)(i / 100), (uint64_t)(i % 100)};
        double m2 = sample_margin_of(&elastic_arc, NULL, 1, &one).margin.m2;
        assert_true(m2 == sample_margin_of(&elastic_arc, NULL, 5, &one).margin.m2);
        sum += m2;
        squares += m2 * m2;
    }
    assert_near(sum / count, 0.5, 0.05 * 4 / sqrt(count));
    assert_near(sqrt(squares / count - sum / count * (sum / count)), 0.05, 0.05 * 4 / sqrt(2.0 * count));
    const struct margin_draw later = {7, 12, 13}, other = {7, 11, 14};
    double m3 = sample_margin_of(&elastic_cos, NULL, 1, &draw).margin.m3;
    assert_true(m3 != sample_margin_of(&elastic_cos, NULL, 1, &later).margin.m3);
    assert_true(m3 != sample_margin_of(&elastic_cos, NULL, 1, &other).margin.m3);
}

/* The running values go a hundredth of the way to the batch's mean and unbiased deviation, however it was shared out. */
static void running_values_follow_the_batch(void **state)
{
    (void)state;
    static const double norms[] = {18, 23.5, 22, 1e4, 19};
    float running[MARGIN_RUNNING];
    double sums[MARGIN_SUMS] = {0}, parts[2][MARGIN_SUMS] = {{0}};
    margin_running_init(MARGIN_ADAFACE, running);
    assert_true(running[0] == 20 && running[1] == 100);
    for (int i = 0; i < 5; i++) {
        margin_observe_norm(MARGIN_ADAFACE, running, norms[i], sums);
        margin_observe_norm(MARGIN_ADAFACE, running, norms[i], parts[i % 2]);
        margin_observe_cosine(MARGIN_ADAFACE, running, 0.5, sums);
    }
    for (int i = 0; i < MARGIN_SUMS; i++) {
        assert_near(sums[i], parts[0][i] + parts[1][i], 1e-9);
    }
    /* 18, 23.5, 22, 100, 19 have the mean 36.5 and the deviation 35.57... */
    double mean = 36.5, variance = (18.5 * 18.5 + 13 * 13 + 14.5 * 14.5 + 63.5 * 63.5 + 17.5 * 17.5) / 4;
    margin_running_update(&adaface, sums, running);
    assert_near(running[0], 0.99 * 20 + 0.01 * mean, 1e-5);
    assert_near(running[1], 0.99 * 100 + 0.01 * sqrt(variance), 1e-5);

    margin_running_init(MARGIN_CURRICULARFACE, running);
    memset(sums, 0, sizeof sums);
    margin_observe_cosine(MARGIN_CURRICULARFACE, running, 0.5, sums);
    margin_observe_cosine(MARGIN_CURRICULARFACE, running, -0.1, sums);
    margin_observe_norm(MARGIN_CURRICULARFACE, running, 20, sums);
    margin_running_update(&curricularface, sums, running);
    assert_near(running[0], 0.002, 1e-8);
    assert_null(margin_running_name(MARGIN_MAGFACE, 0));
}

/* --- The whole loss --- */

enum { DIMENSION = 6, SAMPLES = 5 };

static double loss_of(struct classifier *classifier, const float *x, float *grad)
{
    static const struct sample sample[SAMPLES] = {{0, 2, 1}, {1, 0, 2}, {1, 3, 3}, {0, 0, 4}, {0, 4, 5}};
    struct classifier_sums sums = {0};
    struct error error;
    classifier_zero_gradient(classifier);
    assert_int_equal(classifier_step(classifier, SAMPLES, x, sample, SAMPLES, 3, grad, &sums, &error),
                     STATUS_OK);
    return sums.loss / SAMPLES;
}

/* Samples whose hardest rivals are hard, and whose norms lie within the bounds. */
static void make_samples(float *x)
{
    for (int i = 0; i < SAMPLES; i++) {
        struct random random = random_stream(5, RANDOM_SYNTH, (uint64_t)i, 0);
        for (int j = 0; j < DIMENSION; j++) {
            x[i * DIMENSION + j] = 2 * random_normal(&random);
        }
    }
}

/* The loss moves as the gradient says along a direction; with `keep_norm` on the sphere through the embedding, for a
 * margin that goes by the norm without a gradient. */
static void check_direction(struct classifier *classifier, const float *x, const float *grad, int sample,
                            bool keep_norm)
{
    const float h = 2e-3f;
    float moved[2][SAMPLES * DIMENSION], unused[SAMPLES * DIMENSION];
    double expected = 0, loss[2];
    struct random random = random_stream(6, RANDOM_SYNTH, (uint64_t)sample, 0);
    float direction[DIMENSION];
    const float *own = x + sample * DIMENSION;
    double dot = 0, square = 0;
    for (int j = 0; j < DIMENSION; j++) {
        direction[j] = random_normal(&random);
        dot += (double)direction[j] * (double)own[j];
        square += (double)own[j] * (double)own[j];
    }
    for (int j = 0; j < DIMENSION; j++) {
        direction[j] -= keep_norm ? (float)(dot / square) * own[j] : 0;
        expected += (double)direction[j] * (double)grad[sample * DIMENSION + j];
    }
    for (int side = 0; side < 2; side++) {
        memcpy(moved[side], x, sizeof moved[side]);
        for (int j = 0; j < DIMENSION; j++) {
            moved[side][sample * DIMENSION + j] += (side ? h : -h) * direction[j];
        }
        loss[side] = loss_of(classifier, moved[side], unused);
    }
    double numeric = (loss[1] - loss[0]) / (2 * (double)h);
    assert_true(fabs(numeric - expected) <= 2e-3 * (1 + fabs(expected)));
}

static void check_threshold(struct classifier *classifier, const struct parameter_group *group,
                            const float *x)
{
    const float h = 2e-3f, middle = *group->weight;
    float unused[SAMPLES * DIMENSION];
    assert_near((double)middle, log(10 * 9.0), 0.8); /* of 9 classes, or of 4.5 */
    double loss[2];
    for (int side = 0; side < 2; side++) {
        *group->weight = middle + (side ? h : -h);
        loss[side] = loss_of(classifier, x, unused);
    }
    *group->weight = middle;
    loss_of(classifier, x, unused);
    assert_near((double)*group->gradient, (loss[1] - loss[0]) / (2 * (double)h), 1e-3);
}

static void gradient_is_that_of_finite_differences(void **state)
{
    (void)state;
    static const uint32_t classes[] = {5, 4};
    static const double weight[] = {1, 1.5};
    static const struct margin_choice kinds[] = {
        {MARGIN_ADAFACE, {0.4, 0.333, 0.01}}, {MARGIN_MAGFACE, {1, 20, 0.3, 0.9, 3}},
        {MARGIN_CURRICULARFACE, {0.9, 0.01}}, {MARGIN_ELASTIC_ARC, {0.5, 0.05}},
        {MARGIN_ELASTIC_COS, {0.35, 0.05}},   {MARGIN_UNIFACE, {0.4, 0.7}},
    };
    struct exchange *exchange;
    struct error error;
    assert_int_equal(exchange_local_create(&exchange, &error), STATUS_OK);
    for (size_t k = 0; k < 2 * sizeof kinds / sizeof *kinds; k++) {
        const struct margin_choice *margin = &kinds[k / 2];
        struct classifier_config config = {.embedding = DIMENSION,
                                           .datasets = 2,
                                           .classes = classes,
                                           .weight = weight,
                                           .rows_min = 4,
                                           .margin = *margin,
                                           .scale = 4,
                                           .scope_all = k % 2 == 0,
                                           .crossing_dropout = k % 2 == 0 ? 0 : 0.5,
                                           .seed = 3,
                                           .round_max = SAMPLES,
                                           .threads = 2};
        struct classifier *classifier;
        float x[SAMPLES * DIMENSION], grad[SAMPLES * DIMENSION];
        assert_int_equal(classifier_create(&config, exchange, &classifier, &error), STATUS_OK);
        classifier_init(classifier);
        struct parameter_group running = classifier_margin_group(classifier);
        if (margin->kind == MARGIN_CURRICULARFACE) {
            running.statistics[RUNNING_TARGET_COSINE] = 0.7f;
        } else if (margin->kind == MARGIN_ADAFACE) {
            running.statistics[RUNNING_NORM_MEAN] = 4;
            running.statistics[RUNNING_NORM_DEVIATION] = 1;
        }
        make_samples(x);
        loss_of(classifier, x, grad);
        for (int i = 0; i < SAMPLES; i++) {
            check_direction(classifier, x, grad, i, margin->kind == MARGIN_ADAFACE);
        }
        if (running.count > 0) {
            check_threshold(classifier, &running, x);
        }
        classifier_free(classifier);
    }
    exchange->operations->close(exchange);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adaface_goes_by_the_norm),
        cmocka_unit_test(magface_grows_with_the_norm),
        cmocka_unit_test(derivative_is_that_of_finite_differences),
        cmocka_unit_test(elasticface_draws),
        cmocka_unit_test(running_values_follow_the_batch),
        cmocka_unit_test(gradient_is_that_of_finite_differences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
