/* The table of parameters, their order in memory and in files, and the initial values. */
#include "worker/nn/parameter_table.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct iresnet_config small = {
    .network = {.arch = "iresnet10", .input = 32, .embedding = 16, .width = 0.125},
    .batch_max = 2,
    .threads = 1,
};

static struct iresnet *create(int threads, uint64_t seed)
{
    struct iresnet *net;
    struct iresnet_config config = small;
    config.threads = threads;
    assert_int_equal(iresnet_create(&config, &net, NULL), STATUS_OK);
    iresnet_init(net, seed);
    return net;
}

static float *allocate(size_t count)
{
    float *values = calloc(count, sizeof *values);
    assert_non_null(values);
    return values;
}

/* --- The table --- */

static void test_counts(void **state)
{
    (void)state;
    static const struct {
        const char *arch;
        size_t count, weights;
    } known[] = {
        {"iresnet18", 24025600, 24025088},    {"iresnet34", 34139328, 34138816},
        {"iresnet50", 43590848, 43590336},    {"iresnet100", 65156160, 65155648},
        {"iresnet200", 118833920, 118833408},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        struct iresnet_config config = {
            .network = {.arch = known[i].arch, .input = 112, .embedding = 512, .width = 1.0},
            .batch_max = 1,
            .threads = 1};
        struct dimensions dimensions;
        struct parameter_table table;
        struct error error;
        assert_int_equal(dimensions_of(&config, &dimensions, &error), STATUS_OK);
        assert_int_equal(parameter_table_build(&dimensions, &table, &error), STATUS_OK);
        assert_int_equal(table.parameter_count, known[i].count);
        assert_int_equal(table.weight_count, known[i].weights);
        parameter_table_free(&table);
    }
}

static void test_largest(void **state)
{
    (void)state;
    struct iresnet *net = create(1, 1);
    const struct parameter_group group = iresnet_parameter_group(net);
    assert_true(parameter_group_is_valid(&group));
    assert_int_equal(parameter_group_largest(&group), 64 * 64 * 3 * 3); /* the last stage's convolution */
    iresnet_free(net);
}

static void test_widths(void **state)
{
    (void)state;
    struct iresnet_config config = small;
    struct dimensions dimensions;
    config.network.width = 0.3;
    assert_int_equal(dimensions_of(&config, &dimensions, NULL), STATUS_OK);
    static const int expected[] = {16, 40, 80, 152}; /* 19.2, 38.4, 76.8, 153.6 */
    for (int i = 0; i < IRESNET_LAYERS; i++) {
        assert_int_equal(dimensions.widths[i], expected[i]);
    }
    config.network.width = 0.001;
    assert_int_equal(dimensions_of(&config, &dimensions, NULL), STATUS_OK);
    assert_int_equal(dimensions.widths[3], 8);
}

static void test_usage(void **state)
{
    (void)state;
    struct iresnet *net;
    struct error error;
    struct iresnet_config bad[10];
    for (int i = 0; i < 10; i++) {
        bad[i] = small;
    }
    bad[0].network.arch = "iresnet51";
    bad[1].network.input = 40;
    bad[2].network.input = 0;
    bad[3].network.embedding = 0;
    bad[4].network.width = 0.0;
    bad[5].network.width = (double)NAN;
    bad[6].network.dropout = 1.0;
    bad[7].batch_max = 0;
    bad[8].threads = 0;
    bad[9].network.arch = NULL;
    for (int i = 0; i < 10; i++) {
        assert_int_equal(iresnet_create(&bad[i], &net, &error), STATUS_USAGE);
        assert_null(net);
        assert_true(error.where[0] != '\0');
    }
}

/* The vectors' layout is the parameters' order, without a gap. */
static void test_table_tiles(void **state)
{
    (void)state;
    struct iresnet *net = create(1, 5);
    size_t count, weight = 0, statistic = 0;
    const struct parameter *parameters = iresnet_parameters(net, &count);
    for (size_t i = 0; i < count; i++) {
        if (parameters[i].kind == PARAMETER_TRAINED) {
            assert_int_equal(parameters[i].offset, weight);
            weight += parameters[i].count;
        } else if (parameters[i].kind == PARAMETER_STATISTIC) {
            assert_int_equal(parameters[i].offset, statistic);
            statistic += parameters[i].count;
        } else {
            assert_string_equal(parameters[i].name, "features.weight");
        }
    }
    assert_int_equal(weight, iresnet_weight_count(net));
    assert_int_equal(statistic, iresnet_statistic_count(net));
    assert_int_equal(iresnet_parameter_count(net), weight + 16);
    iresnet_free(net);
}

static const struct parameter *find(const struct iresnet *net, const char *name)
{
    size_t count;
    const struct parameter *parameters = iresnet_parameters(net, &count);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(parameters[i].name, name) == 0) {
            return &parameters[i];
        }
    }
    fail_msg("no parameter %s", name);
    return NULL;
}

static void test_file_order(void **state)
{
    (void)state;
    struct iresnet *net = create(1, 5);
    const float *weights = iresnet_weights(net);
    const struct parameter *conv = find(net, "layer2.0.conv1.weight"); /* 8 -> 16 */
    float *values = allocate(conv->count);
    parameter_to_file(conv, weights, values);
    for (size_t o = 0; o < 16; o++) {
        for (size_t i = 0; i < 8; i++) {
            for (size_t k = 0; k < 9; k++) {
                assert_true(values[(o * 8 + i) * 9 + k] == weights[conv->offset + (k * 8 + i) * 16 + o]);
            }
        }
    }
    free(values);
    const struct parameter *fc = find(net, "fc.weight"); /* [16][64 * 2 * 2] */
    values = allocate(fc->count);
    parameter_to_file(fc, weights, values);
    for (size_t d = 0; d < 16; d++) {
        for (size_t c = 0; c < 64; c++) {
            for (size_t p = 0; p < 4; p++) {
                assert_true(values[(d * 64 + c) * 4 + p] == weights[fc->offset + (d * 4 + p) * 64 + c]);
            }
        }
    }
    float *back = allocate(iresnet_weight_count(net));
    parameter_from_file(fc, values, back);
    assert_memory_equal(back + fc->offset, weights + fc->offset, fc->count * sizeof *back);
    free(back);
    free(values);
    iresnet_free(net);
}

/* --- Initial values --- */

static void moments(const float *values, size_t count, double *mean, double *deviation)
{
    double sum = 0.0, square = 0.0;
    for (size_t i = 0; i < count; i++) {
        sum += (double)values[i];
        square += (double)values[i] * (double)values[i];
    }
    *mean = sum / (double)count;
    *deviation = sqrt(square / (double)count - *mean * *mean);
}

static void test_init(void **state)
{
    (void)state;
    struct iresnet *net = create(2, 5);
    const float *weights = iresnet_weights(net), *statistics = iresnet_statistics(net);
    double mean, deviation;
    const struct parameter *conv = find(net, "layer4.0.conv2.weight");
    moments(weights + conv->offset, conv->count, &mean, &deviation);
    assert_true(fabs(mean) < 0.002);
    assert_true(fabs(deviation - 0.1) < 0.002);
    const struct parameter *fc = find(net, "fc.weight");
    moments(weights + fc->offset, fc->count, &mean, &deviation);
    double bound = 1.0 / sqrt(256.0);
    assert_true(fabs(mean) < 0.003);
    assert_true(fabs(deviation - bound / sqrt(3.0)) < 0.002);
    for (size_t i = 0; i < fc->count; i++) {
        assert_true(fabs((double)weights[fc->offset + i]) <= bound);
    }
    const struct parameter *bias = find(net, "fc.bias");
    moments(weights + bias->offset, bias->count, &mean, &deviation);
    assert_true(deviation > 0.01 && deviation < bound);
    assert_true(weights[find(net, "layer1.0.bn2.weight")->offset + 3] == 1.0f);
    assert_true(weights[find(net, "features.bias")->offset] == 0.0f);
    assert_true(weights[find(net, "layer3.0.prelu.weight")->offset] == 0.25f);
    assert_true(statistics[find(net, "bn1.running_mean")->offset] == 0.0f);
    assert_true(statistics[find(net, "features.running_var")->offset] == 1.0f);

    struct iresnet *other = create(1, 5);
    size_t bytes = iresnet_weight_count(net) * sizeof *weights;
    assert_memory_equal(iresnet_weights(other), weights, bytes);
    iresnet_init(other, 6);
    assert_memory_not_equal(iresnet_weights(other), weights, bytes);
    iresnet_free(other);
    iresnet_free(net);
}

/* Blocks that share out rows: each row is in the one that its part names, whether or not others are empty. */
static void test_shared_rows(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {1, 2, 3, 7, 12, 1000, 93431, UINT32_MAX};
    static const int parts[] = {1, 2, 3, 5, 16, 1024};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        for (size_t p = 0; p < sizeof parts / sizeof *parts; p++) {
            const uint32_t all = sizes[i], stride = all / 997 + 1;
            assert_int_equal(parameter_rows_begin(all, parts[p], parts[p]), all);
            for (uint64_t row = 0; row < all; row += stride) {
                int part = parameter_rows_part(all, (uint32_t)row, parts[p]);
                assert_true(part >= 0 && part < parts[p]);
                assert_true(parameter_rows_begin(all, part, parts[p]) <= row);
                assert_true(parameter_rows_begin(all, part + 1, parts[p]) > row);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts), cmocka_unit_test(test_largest),     cmocka_unit_test(test_widths),
        cmocka_unit_test(test_usage),  cmocka_unit_test(test_table_tiles), cmocka_unit_test(test_file_order),
        cmocka_unit_test(test_init),   cmocka_unit_test(test_shared_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
