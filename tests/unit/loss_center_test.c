#include "worker/loss/classifier.h"

#include "proto/random.h"
#include "tests/unit/golden.h"

enum { DIMENSION = 5, SAMPLES = 4 };

static const uint32_t classes[] = {3, 4};
static const double weight[] = {1, 2};
/* Two samples of one class. */
static const struct sample samples[SAMPLES] = {{0, 1, 1}, {1, 3, 2}, {0, 1, 3}, {1, 0, 4}};

struct problem {
    struct exchange *exchange;
    struct classifier *classifier;
    float x[SAMPLES * DIMENSION], grad[SAMPLES * DIMENSION];
    struct error error;
};

static void start(struct problem *problem, double center)
{
    struct classifier_config config = {.embedding = DIMENSION,
                                       .datasets = 2,
                                       .classes = classes,
                                       .weight = weight,
                                       .rows_min = 8,
                                       .margin = {MARGIN_PLAIN, {1, 0.2, 0}},
                                       .scale = 4,
                                       .center = center,
                                       .center_rate = 0.5,
                                       .seed = 3,
                                       .round_max = SAMPLES,
                                       .threads = 2};
    assert_int_equal(exchange_local_create(&problem->exchange, &problem->error), STATUS_OK);
    assert_int_equal(classifier_create(&config, problem->exchange, &problem->classifier, &problem->error),
                     STATUS_OK);
    classifier_init(problem->classifier);
    struct random random = random_stream(5, RANDOM_SYNTH, 0, 0);
    for (int i = 0; i < SAMPLES * DIMENSION; i++) {
        problem->x[i] = random_normal(&random);
    }
}

static double step(struct problem *problem, const float *x, float *grad)
{
    struct classifier_sums sums = {0};
    classifier_zero_gradient(problem->classifier);
    assert_int_equal(
        classifier_step(problem->classifier, SAMPLES, x, samples, SAMPLES, 1, grad, &sums, &problem->error),
        STATUS_OK);
    return sums.loss / SAMPLES;
}

static void finish(struct problem *problem)
{
    classifier_free(problem->classifier);
    problem->exchange->operations->close(problem->exchange);
}

static float *centers(struct problem *problem, size_t dataset)
{
    return classifier_parameter_group(problem->classifier, dataset, "rows").loss_centre;
}

/* A class's centre goes n / (1 + n) of the rate towards the mean of its n samples; the others stay. */
static void centers_follow_their_samples(void **state)
{
    (void)state;
    struct problem problem;
    const double sums[MARGIN_SUMS] = {0};
    start(&problem, 0.1);
    for (int turn = 0; turn < 2; turn++) {
        float before[DIMENSION], alone[DIMENSION];
        memcpy(before, centers(&problem, 0) + DIMENSION, sizeof before);
        memcpy(alone, centers(&problem, 1) + 3 * DIMENSION, sizeof alone);
        step(&problem, problem.x, problem.grad);
        assert_memory_equal(before, centers(&problem, 0) + DIMENSION, sizeof before); /* not yet */
        classifier_advance(problem.classifier, sums);
        for (int j = 0; j < DIMENSION; j++) {
            const double c = (double)before[j], a = (double)problem.x[j];
            const double b = (double)problem.x[2 * DIMENSION + j], d = (double)alone[j];
            assert_near((double)centers(&problem, 0)[DIMENSION + j], c - 0.5 * (2 * c - a - b) / 3, 1e-6);
            assert_near((double)centers(&problem, 1)[3 * DIMENSION + j],
                        d - 0.5 * (d - (double)problem.x[DIMENSION + j]) / 2, 1e-6);
            assert_true(centers(&problem, 0)[j] == 0 && centers(&problem, 1)[DIMENSION + j] == 0);
        }
    }
    finish(&problem);
}

static void gradient_is_that_of_finite_differences(void **state)
{
    (void)state;
    struct problem problem;
    float unused[SAMPLES * DIMENSION];
    const float h = 2e-3f;
    const double sums[MARGIN_SUMS] = {0};
    start(&problem, 0.7);
    step(&problem, problem.x, problem.grad);
    classifier_advance(problem.classifier, sums);
    step(&problem, problem.x, problem.grad);
    for (int i = 0; i < SAMPLES * DIMENSION; i++) {
        float middle = problem.x[i];
        problem.x[i] = middle + h;
        double after = step(&problem, problem.x, unused);
        problem.x[i] = middle - h;
        double before = step(&problem, problem.x, unused);
        problem.x[i] = middle;
        double numeric = (after - before) / (2 * (double)h);
        assert_true(fabs(numeric - (double)problem.grad[i]) <= 2e-3 * (1 + fabs(numeric)));
    }
    finish(&problem);
}

/* Beside the softmax's it is exactly lambda / 2 of the squared distances, of each sample by its dataset's weight. */
static void adds_the_squared_distances(void **state)
{
    (void)state;
    struct problem with, without;
    double expected = 0;
    start(&with, 0.3);
    start(&without, 0);
    assert_null(centers(&without, 0));
    double loss = step(&with, with.x, with.grad) - step(&without, without.x, without.grad);
    for (int i = 0; i < SAMPLES * DIMENSION; i++) {
        double value = (double)with.x[i];
        expected += 0.15 * weight[samples[i / DIMENSION].dataset] * value * value / SAMPLES;
        assert_near((double)(with.grad[i] - without.grad[i]),
                    0.3 * weight[samples[i / DIMENSION].dataset] * value / SAMPLES, 1e-5);
    }
    assert_near(loss, expected, 1e-5);
    finish(&with);
    finish(&without);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(centers_follow_their_samples),
        cmocka_unit_test(gradient_is_that_of_finite_differences),
        cmocka_unit_test(adds_the_squared_distances),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
