/* A network as a state_dict: written and read back to the bit; another network's is refused by name. */
#include "tests/unit/shard_scratch.h"

#include "worker/interchange/safetensors.h"
#include "worker/interchange/state_dict.h"

#include <math.h>

#define EMBEDDING 5 /* odd: what lies behind must still be placed right */

static struct iresnet_config config_for(const char *arch)
{
    return (struct iresnet_config){
        .network = {.arch = arch, .input = 16, .embedding = EMBEDDING, .width = 0.125},
        .batch_max = 1,
        .threads = 1};
}

static struct iresnet *make_net(const char *arch, uint64_t seed)
{
    struct iresnet *net;
    const struct iresnet_config config = config_for(arch);
    assert_int_equal(iresnet_create(&config, &net, NULL), STATUS_OK);
    iresnet_init(net, seed);
    for (size_t i = 0; i < iresnet_statistic_count(net); i++) {
        iresnet_statistics(net)[i] += (float)(i % 13) / 16;
    }
    return net;
}

static const char *write_net(struct scratch *scratch, struct iresnet *net)
{
    struct backbone backbone = {
        .net = net,
        .state = {.step = 77,
                  .network = {.arch = "iresnet10", .input = 16, .embedding = EMBEDDING, .width = 0.125}}};
    struct error error;
    const char *path = scratch_path(scratch, "net.safetensors");
    assert_int_equal(state_dict_write_safetensors(&backbone, path, &error), STATUS_OK);
    return path;
}

static void test_what_is_written_is_read(void **state)
{
    struct scratch *scratch = *state;
    struct iresnet *net = make_net("iresnet10", 1), *other = make_net("iresnet10", 2);
    const struct iresnet_config config = config_for("iresnet10");
    struct error error;
    const char *path = write_net(scratch, net);
    assert_int_equal(state_dict_check(path, &config, NULL, &error), STATUS_OK);
    assert_int_equal(state_dict_read(path, other, &error), STATUS_OK);
    assert_memory_equal(iresnet_weights(net), iresnet_weights(other),
                        iresnet_weight_count(net) * sizeof(float));
    assert_memory_equal(iresnet_statistics(net), iresnet_statistics(other),
                        iresnet_statistic_count(net) * sizeof(float));
    iresnet_free(net);
    iresnet_free(other);
}

static void test_arrays_lie_at_multiples_of_their_elements(void **state)
{
    struct scratch *scratch = *state;
    struct iresnet *net = make_net("iresnet10", 1);
    struct safetensors file;
    struct error error;
    size_t counters = 0, parameters;
    iresnet_parameters(net, &parameters);
    assert_int_equal(safetensors_open(write_net(scratch, net), &file, &error), STATUS_OK);
    for (size_t i = 0; i < file.count; i++) {
        bool integer = file.arrays[i].type == SAFETENSORS_I64;
        assert_int_equal((file.data + file.arrays[i].begin) % (integer ? 8 : 4), 0);
        counters += integer;
    }
    /* Two of the stem and the end and the features, three of a block and one of its shortcut. */
    assert_int_equal(counters, 3 + 4 * 4);
    assert_int_equal(file.count, parameters + counters);
    assert_non_null(safetensors_find(file.arrays, file.count, "layer1.0.downsample.1.num_batches_tracked"));
    safetensors_close(&file);
    iresnet_free(net);
}

static void test_another_network_is_refused_by_name(void **state)
{
    struct scratch *scratch = *state;
    struct iresnet *net = make_net("iresnet10", 1), *deeper = make_net("iresnet18", 1);
    struct iresnet_config config = config_for("iresnet18");
    struct error error;
    const char *path = write_net(scratch, net);
    assert_int_equal(state_dict_check(path, &config, NULL, &error), STATUS_DATA);
    assert_non_null(strstr(error.what, "it lacks layer1.1.bn1.weight, "));
    assert_non_null(strstr(error.what, " more"));
    path = write_net(scratch, deeper);
    config.network.arch = "iresnet10";
    assert_int_equal(state_dict_check(path, &config, NULL, &error), STATUS_DATA);
    assert_non_null(strstr(error.what, "the model has no layer1.1."));
    path = write_net(scratch, net);
    config.network.embedding = EMBEDDING + 1;
    assert_int_equal(state_dict_check(path, &config, NULL, &error), STATUS_DATA);
    assert_non_null(strstr(error.what, "its fc.weight is [5, 64], the model's [6, 64]"));
    config.network.embedding = EMBEDDING;
    config.network.input = 32;
    assert_int_equal(state_dict_check(path, &config, NULL, &error), STATUS_DATA);
    assert_non_null(strstr(error.what, "its fc.weight is [5, 64], the model's [5, 256]"));
    assert_int_equal(state_dict_read(path, deeper, &error), STATUS_DATA);
    iresnet_free(net);
    iresnet_free(deeper);
}

/* Writes a value over element `at` of an array. */
static void spoil(const char *path, const char *name, uint64_t at, float value)
{
    struct safetensors file;
    struct error error;
    assert_int_equal(safetensors_open(path, &file, &error), STATUS_OK);
    const struct safetensors_array *array = safetensors_find(file.arrays, file.count, name);
    assert_non_null(array);
    FILE *open = fopen(path, "r+b");
    assert_non_null(open);
    assert_int_equal(fseek(open, (long)(file.data + array->begin + at * 4), SEEK_SET), 0);
    assert_int_equal(fwrite(&value, sizeof value, 1, open), 1);
    assert_int_equal(fclose(open), 0);
    safetensors_close(&file);
}

static void test_values_that_no_network_has_are_refused(void **state)
{
    struct scratch *scratch = *state;
    struct iresnet *net = make_net("iresnet10", 1);
    static const struct {
        const char *name;
        float value;
        const char *told;
    } cases[] = {{"layer2.0.conv1.weight", NAN, "element 3 of layer2.0.conv1.weight, nan, is not finite"},
                 {"bn1.running_mean", INFINITY, "is not finite"},
                 {"bn2.running_var", -1, "element 3 of bn2.running_var, -1, is negative"},
                 {"features.weight", 2, "element 3 of features.weight, 2, is not 1"}};
    struct error error;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *path = write_net(scratch, net);
        spoil(path, cases[i].name, 3, cases[i].value);
        struct iresnet *reader = make_net("iresnet10", 1);
        assert_int_equal(state_dict_read(path, reader, &error), STATUS_DATA);
        if (!strstr(error.what, cases[i].told)) {
            fail_msg("%s", error.what);
        }
        iresnet_free(reader);
    }
    iresnet_free(net);
}

static void test_shapes_tell_the_network(void **state)
{
    struct scratch *scratch = *state;
    static const char *const archs[] = {"iresnet10", "iresnet18", "iresnet34"};
    /* Of 0.1 the layers are of 8, 16, 24 and 48 channels. */
    static const double widths[] = {0.125, 0.1, 0.25};
    for (size_t i = 0; i < 3; i++) {
        struct iresnet_config config = config_for(archs[i]);
        struct checkpoint_state found = {0};
        struct error error;
        config.network.width = widths[i];
        config.network.input = 16 * ((int)i + 1);
        struct backbone backbone = {.state = {.network = {.arch = "as the shapes are"}}};
        assert_int_equal(iresnet_create(&config, &backbone.net, NULL), STATUS_OK);
        const char *path = scratch_path(scratch, "net.safetensors");
        assert_int_equal(state_dict_write_safetensors(&backbone, path, &error), STATUS_OK);
        assert_int_equal(state_dict_describe(path, &found, NULL, &error), STATUS_OK);
        assert_string_equal(found.network.arch, archs[i]);
        assert_int_equal(found.network.input, config.network.input);
        assert_int_equal(found.network.embedding, EMBEDDING);
        config.network.width = found.network.width;
        assert_int_equal(state_dict_check(path, &config, NULL, &error), STATUS_OK);
        iresnet_free(backbone.net);
    }
}

static void test_other_shapes_are_no_network(void **state)
{
    struct scratch *scratch = *state;
    const struct safetensors_array other = {.name = "fc.weight", .rank = 2, .shape = {3, 0}};
    struct safetensors_writer *writer;
    struct checkpoint_state found = {0};
    struct error error;
    const char *path = scratch_path(scratch, "other.safetensors");
    assert_int_equal(safetensors_create(path, &other, 1, NULL, 0, &writer, &error), STATUS_OK);
    assert_int_equal(safetensors_finish(writer, &error), STATUS_OK);
    assert_int_equal(state_dict_describe(path, &found, NULL, &error), STATUS_DATA);
    assert_non_null(strstr(error.what, "no iresnet's"));
}

static void test_meant_by_the_name(void **state)
{
    (void)state;
    assert_true(state_dict_is_meant("a/b.safetensors"));
    assert_false(state_dict_is_meant("a/step-000000001"));
    assert_false(state_dict_is_meant("safetensors"));
    assert_false(state_dict_is_meant("random"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_is_written_is_read, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_arrays_lie_at_multiples_of_their_elements, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(test_another_network_is_refused_by_name, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(test_values_that_no_network_has_are_refused, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(test_shapes_tell_the_network, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_other_shapes_are_no_network, scratch_setup, scratch_teardown),
        cmocka_unit_test(test_meant_by_the_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
