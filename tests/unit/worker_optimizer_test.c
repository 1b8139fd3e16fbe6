#include "worker/optimizer.h"

#include "tests/unit/golden.h"

#define GOLDEN "tests/oracle/loss/optimizer.golden"

/* Steps with momentum, decay and clipping by the norm, on vectors of PyTorch's. */
static void equals_pytorch(void **state)
{
    (void)state;
    size_t count;
    double *shape = golden_values(GOLDEN, "shape", &count);
    float *weight = golden_floats(GOLDEN, "weight", &count);
    float *momentum = calloc(count, sizeof *momentum);
    for (int step = 0; step < (int)shape[1]; step++) {
        char name[32];
        snprintf(name, sizeof name, "step%d.gradient", step);
        float *gradient = golden_floats(GOLDEN, name, &count);
        float norm = (float)sqrt(optimizer_square_sum(gradient, count, 1));
        snprintf(name, sizeof name, "step%d.norm", step);
        golden_check(GOLDEN, name, &norm, 1, 1e-6);
        double scale = fmin(1, shape[5] / ((double)norm + 1e-6));
        const struct parameter_group group = {
            .count = count, .weight = weight, .gradient = gradient, .momentum = momentum};
        const struct optimizer_update update = {
            .scale = scale, .lr = shape[2], .momentum = shape[3], .weight_decay = shape[4]};
        optimizer_step(&group, &update, 2);
        snprintf(name, sizeof name, "step%d.weight", step);
        golden_check(GOLDEN, name, weight, count, 1e-6);
        snprintf(name, sizeof name, "step%d.momentum", step);
        golden_check(GOLDEN, name, momentum, count, 1e-6);
        free(gradient);
    }
    free(momentum);
    free(weight);
    free(shape);
}

static void threads_change_nothing(void **state)
{
    (void)state;
    const size_t count = 200003;
    float *a = calloc(6 * count, sizeof *a);
    for (size_t i = 0; i < count; i++) {
        a[i] = a[3 * count + i] = (float)i * 1e-5f;
        a[2 * count + i] = a[5 * count + i] = 1.0f - (float)i * 3e-6f;
    }
    for (int step = 0; step < 2; step++) {
        const struct optimizer_update update = {
            .scale = 0.5, .lr = 0.1, .momentum = 0.9, .weight_decay = 5e-4};
        for (size_t i = 0; i < 2; i++) {
            float *own = a + 3 * i * count;
            const struct parameter_group group = {
                .count = count, .weight = own, .momentum = own + count, .gradient = own + 2 * count};
            optimizer_step(&group, &update, i == 0 ? 1 : 3);
        }
    }
    assert_memory_equal(a, a + 3 * count, 2 * count * sizeof *a);
    assert_true(a[7] != (float)7 * 1e-5f);
    free(a);
}

/* Rows that are not drawn keep weight and momentum; those that are get the bits of a whole update. */
static void only_drawn_rows_are_touched(void **state)
{
    (void)state;
    enum { ROWS = 7, DIMENSION = 33 };
    static const uint32_t rows[] = {0, 3, 6};
    static float weight[2][ROWS * DIMENSION], momentum[2][ROWS * DIMENSION], gradient[ROWS * DIMENSION];
    float compact[3 * DIMENSION];
    for (size_t i = 0; i < ROWS * DIMENSION; i++) {
        weight[0][i] = weight[1][i] = 0.1f + (float)i * 1e-3f;
        momentum[0][i] = momentum[1][i] = 0.7f - (float)i * 2e-3f;
        gradient[i] = (float)(i % 11) * 0.03f;
    }
    for (size_t i = 0; i < 3; i++) {
        memcpy(compact + i * DIMENSION, gradient + rows[i] * DIMENSION, DIMENSION * sizeof *compact);
    }
    const struct parameter_drawn drawn = {.row = rows, .count = 3, .gradient = compact};
    const struct parameter parameter = {.rank = 2, .shape = {ROWS, DIMENSION}, .count = ROWS * DIMENSION};
    const struct parameter_group whole = {
        .count = ROWS * DIMENSION, .weight = weight[0], .gradient = gradient, .momentum = momentum[0]};
    const struct parameter_group part = {.parameters = &parameter,
                                         .count = ROWS * DIMENSION,
                                         .weight = weight[1],
                                         .drawn = &drawn,
                                         .momentum = momentum[1]};
    const struct optimizer_update update = {.scale = 1, .lr = 0.1, .momentum = 0.9, .weight_decay = 5e-4};
    optimizer_step(&whole, &update, 1);
    optimizer_step(&part, &update, 2);
    for (size_t i = 0; i < ROWS * DIMENSION; i++) {
        bool touched = i / DIMENSION % 3 == 0;
        assert_true(weight[1][i] == (touched ? weight[0][i] : 0.1f + (float)i * 1e-3f));
        assert_true(momentum[1][i] == (touched ? momentum[0][i] : 0.7f - (float)i * 2e-3f));
    }
}

/* A sum whose terms float32 would lose, over a count that is no multiple of anything. */
static void squares_are_summed_in_double(void **state)
{
    (void)state;
    const size_t count = 100003;
    float *values = calloc(count, sizeof *values);
    for (size_t i = 0; i < count; i++) {
        values[i] = 0.5f;
    }
    values[count - 1] = 4096.0f;
    assert_true(optimizer_square_sum(values, count, 2) == 0.25 * 100002 + 16777216.0);
    assert_true(optimizer_square_sum(values, 0, 2) == 0);
    values[3] = NAN;
    assert_true(isnan(optimizer_square_sum(values, count, 1)));
    free(values);
}

static void check_rates(const char *name, const struct config *config, int64_t epoch)
{
    size_t count;
    double *expected = golden_values(GOLDEN, name, &count);
    for (size_t step = 0; step < count; step++) {
        double rate = optimizer_learning_rate(config, (int64_t)step, (int64_t)count, epoch);
        if (fabs(rate - expected[step]) > 1e-9) {
            fail_msg("%s, step %zu: %.12g, not %.12g", name, step, rate, expected[step]);
        }
    }
    free(expected);
}

static void schedules_equal_pytorch(void **state)
{
    (void)state;
    size_t count;
    double *training = golden_values(GOLDEN, "training", &count);
    double *milestones = golden_values(GOLDEN, "milestones", &count);
    int64_t epoch = (int64_t)training[1];
    struct config config = {
        .optimizer.lr = training[2],
        .schedule = {
            .power = 2, .warmup_epochs = training[3], .milestones = milestones, .milestone_count = count}};
    config.schedule.kind = CONFIG_SCHEDULE_POLY;
    check_rates("rate.poly", &config, epoch);
    config.schedule.kind = CONFIG_SCHEDULE_COSINE;
    check_rates("rate.cosine", &config, epoch);
    config.schedule.kind = CONFIG_SCHEDULE_STEP;
    check_rates("rate.step", &config, epoch);
    config.schedule.kind = CONFIG_SCHEDULE_POLY;
    config.schedule.warmup_epochs = 0;
    check_rates("rate.poly.cold", &config, epoch);
    config.schedule.power = 1;
    assert_true(fabs(optimizer_learning_rate(&config, 3, 12, epoch) - training[2] * 0.75) < 1e-12);
    free(milestones);
    free(training);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_pytorch),
        cmocka_unit_test(threads_change_nothing),
        cmocka_unit_test(only_drawn_rows_are_touched),
        cmocka_unit_test(squares_are_summed_in_double),
        cmocka_unit_test(schedules_equal_pytorch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
