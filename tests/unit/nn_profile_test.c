/* Where a pass's time goes, and what its layers are said to take. */
#include "worker/nn/iresnet.h"

#include "proto/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { BATCH = 4, INPUT = 32, EMBEDDING = 16, LAYERS = 1 + 4 * 3 + 1 };

static struct error error;

static struct iresnet *small_network(void)
{
    struct iresnet_config config = {
        .network = {.arch = "iresnet10", .input = INPUT, .embedding = EMBEDDING, .width = 0.5},
        .batch_max = BATCH,
        .threads = 1,
        .train = true};
    struct iresnet *net;
    assert_int_equal(iresnet_create(&config, &net, &error), STATUS_OK);
    iresnet_init(net, 1);
    return net;
}

static double both_passes(struct iresnet *net)
{
    static float image[BATCH * INPUT * INPUT * 3], embedding[BATCH * EMBEDDING];
    for (int i = 0; i < BATCH * INPUT * INPUT * 3; i++) {
        image[i] = (float)(i % 17) / 17.0f;
    }
    double begin = clock_monotonic();
    iresnet_forward(net, BATCH, image, NULL, embedding, NULL);
    iresnet_backward(net, BATCH, embedding, NULL);
    return clock_monotonic() - begin;
}

static double sum_of(const struct profile *profile)
{
    double sum = 0;
    for (int phase = 0; phase < PROFILE_PHASES; phase++) {
        sum += profile_phase_seconds(profile, (enum profile_phase)phase);
    }
    return sum;
}

static void a_profile_accounts_for_the_passes(void **state)
{
    (void)state;
    struct iresnet *net = small_network();
    struct profile profile;
    assert_int_equal(iresnet_layer_count(net), LAYERS);
    assert_int_equal(profile_create(LAYERS, &profile, &error), STATUS_OK);
    iresnet_set_profile(net, &profile);
    double whole = both_passes(net), parts = sum_of(&profile);
    assert_true(parts > 0 && parts <= whole);
    for (size_t layer = 0; layer + 1 < LAYERS; layer++) {
        assert_true(profile.seconds[layer][PROFILE_CONV_FORWARD] > 0);
        assert_true(profile.seconds[layer][PROFILE_CONV_BACKWARD_WEIGHT] > 0);
        assert_true((profile.seconds[layer][PROFILE_CONV_BACKWARD_DATA] > 0) == (layer > 0));
        assert_true(profile.seconds[layer][PROFILE_LINEAR] == 0);
    }
    assert_true(profile.seconds[LAYERS - 1][PROFILE_LINEAR] > 0);

    iresnet_set_profile(net, NULL);
    both_passes(net);
    assert_true(sum_of(&profile) == parts);
    profile_reset(&profile);
    assert_true(sum_of(&profile) == 0);
    profile_free(&profile);
    iresnet_free(net);
}

static void layers_are_named_and_counted(void **state)
{
    (void)state;
    struct iresnet *net = small_network();
    struct iresnet_layer layer;
    iresnet_layer_at(net, 0, BATCH, &layer);
    assert_string_equal(layer.name, "conv1");
    assert_true(layer.direct[CONV_FORWARD] == 2.0 * 9 * 3 * 32 * INPUT * INPUT * BATCH);
    assert_true(layer.direct[CONV_BACKWARD_DATA] == 0);
    iresnet_layer_at(net, 3, BATCH, &layer);
    assert_string_equal(layer.name, "layer1.0.downsample.0");
    assert_true(layer.direct[CONV_FORWARD] == 2.0 * 32 * 32 * 16 * 16 * BATCH);
    assert_true(layer.actual[CONV_FORWARD] == layer.direct[CONV_FORWARD]);
    /* Each of three passes takes a tensor of 32 channels at 32x32 and one at 16x16, or two of the former. So
     * few channels have the sums over their gradient taken in a pass of its own, which reads two more. */
    double wide = 4.0 * 32 * 32 * 32 * BATCH, narrow = wide / 4;
    iresnet_layer_at(net, 2, BATCH, &layer);
    assert_string_equal(layer.name, "layer1.0.conv2");
    assert_true(layer.least == 3 * (wide + narrow));
    assert_true(layer.moved == layer.least + (2 * wide + narrow) + 5 * narrow);
    iresnet_layer_at(net, 1, BATCH, &layer);
    assert_string_equal(layer.name, "layer1.0.conv1");
    assert_true(layer.least == 6 * wide && layer.moved == layer.least + 2 * wide + 7 * wide);
    iresnet_layer_at(net, LAYERS - 1, BATCH, &layer);
    assert_string_equal(layer.name, "fc");
    assert_false(layer.convolution);
    assert_true(layer.direct[CONV_FORWARD] == 2.0 * (256 * 2 * 2) * EMBEDDING * BATCH);
    iresnet_free(net);
}

/* 56x56, 64 to 64: 36 multiplications make 16 outputs, which took 144. */
static void winograd_does_with_fewer_operations(void **state)
{
    (void)state;
    struct conv_shape shape = {56, 56, 64, 64, 3, 1};
    struct conv *conv;
    assert_int_equal(conv_create(&shape, CONV_WINOGRAD_4, ISA_GENERIC, BATCH, 1, false, &conv, &error),
                     STATUS_OK);
    double direct = conv_operations_direct(&shape, BATCH);
    assert_true(direct == 2.0 * 9 * 64 * 64 * 56 * 56 * BATCH);
    double tiles = 14.0 * 14.0 * BATCH;
    for (int pass = 0; pass < CONV_PASSES; pass++) {
        double actual = conv_operations(conv, (enum conv_pass)pass, BATCH);
        assert_true(actual > 2.0 * 36 * tiles * 64 * 64 && actual < direct / 2);
    }
    conv_free(conv);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_profile_accounts_for_the_passes),
                                       cmocka_unit_test(layers_are_named_and_counted),
                                       cmocka_unit_test(winograd_does_with_fewer_operations)};
    return cmocka_run_group_tests_name("nn_profile", tests, NULL, NULL);
}
