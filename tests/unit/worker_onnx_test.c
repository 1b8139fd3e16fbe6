/* An ONNX model as a network's beginning: what is written is read back; what is no iresnet, or no honest
 * file, is refused. */
#include "tests/unit/shard_scratch.h"

#include "worker/interchange/onnx.h"
#include "worker/interchange/onnx_graph.h"
#include "worker/interchange/state_dict.h"

#include <math.h>

#define EMBEDDING 5

static struct iresnet *make_net(const char *arch, uint64_t seed)
{
    struct iresnet *net;
    const struct iresnet_config config = {
        .network = {.arch = arch, .input = 32, .embedding = EMBEDDING, .width = 0.125},
        .batch_max = 2,
        .threads = 1};
    assert_int_equal(iresnet_create(&config, &net, NULL), STATUS_OK);
    iresnet_init(net, seed);
    for (size_t i = 0; i < iresnet_statistic_count(net); i++) {
        iresnet_statistics(net)[i] += (float)(i % 13) / 16;
    }
    iresnet_weights_changed(net);
    return net;
}

static const char *write_net(struct scratch *scratch, struct iresnet *net, const char *arch,
                             const struct onnx_graph_options *options)
{
    struct backbone backbone = {
        .net = net,
        .state = {.step = 77,
                  .network = {.arch = arch, .input = 32, .embedding = EMBEDDING, .width = 0.125}}};
    const char *path = scratch_path(scratch, "net.onnx");
    assert_int_equal(onnx_graph_write(&backbone, options, path, NULL), STATUS_OK);
    return path;
}

static void embed(struct iresnet *net, float *embeddings)
{
    static float images[2 * 32 * 32 * 3];
    for (size_t i = 0; i < sizeof images / sizeof *images; i++) {
        images[i] = sinf((float)i * 0.7f);
    }
    iresnet_infer(net, 2, images, embeddings, NULL);
}

/* Every way of writing it comes back as the same network: to the bit where nothing was folded. */
static void test_round_trip(void **state)
{
    struct scratch *scratch = *state;
    static const char *const archs[] = {"iresnet10", "iresnet18"};
    for (int i = 0; i < 8; i++) {
        const char *arch = archs[i / 4];
        const struct onnx_graph_options options = {.fold = i & 1, .normalize = i & 2};
        struct iresnet *net = make_net(arch, 1), *other = make_net(arch, 2);
        struct checkpoint_state found = {0};
        struct error error;
        float expected[2 * EMBEDDING], embeddings[2 * EMBEDDING];
        const char *path = write_net(scratch, net, arch, &options);
        assert_int_equal(state_dict_describe(path, &found, NULL, &error), STATUS_OK);
        assert_string_equal(found.network.arch, arch);
        assert_int_equal(found.network.input, 32);
        assert_int_equal(found.network.embedding, EMBEDDING);
        assert_int_equal(state_dict_read(path, other, &error), STATUS_OK);
        if (!options.fold) {
            assert_memory_equal(iresnet_weights(net), iresnet_weights(other),
                                iresnet_weight_count(net) * sizeof(float));
            assert_memory_equal(iresnet_statistics(net), iresnet_statistics(other),
                                iresnet_statistic_count(net) * sizeof(float));
        }
        embed(net, expected);
        embed(other, embeddings);
        for (int k = 0; k < 2 * EMBEDDING; k++) {
            assert_true(fabsf(embeddings[k] - expected[k]) < 1e-4f * (1 + fabsf(expected[k])));
        }
        iresnet_free(net);
        iresnet_free(other);
    }
}

static void refused(const char *path, const char *told)
{
    struct checkpoint_state found = {0};
    struct error error = {0};
    assert_int_equal(state_dict_describe(path, &found, NULL, &error), STATUS_DATA);
    if (!strstr(error.what, told)) {
        fail_msg("told '%s' where '%s' was expected", error.what, told);
    }
}

static void test_another_network(void **state)
{
    struct scratch *scratch = *state;
    struct iresnet *net = make_net("iresnet10", 1), *deeper = make_net("iresnet18", 1);
    const struct onnx_graph_options options = {0};
    struct error error;
    assert_int_equal(state_dict_read(write_net(scratch, net, "iresnet10", &options), deeper, &error),
                     STATUS_DATA);
    assert_non_null(strstr(error.what, "it lacks layer1.1.bn1.weight"));
    iresnet_free(net);
    iresnet_free(deeper);
}

/* Cut anywhere, or with a byte changed anywhere, it is read or refused; cut, it is never read. */
static void test_damaged(void **state)
{
    struct scratch *scratch = *state;
    struct iresnet *net = make_net("iresnet10", 1);
    const struct onnx_graph_options options = {.fold = true};
    const char *path = write_net(scratch, net, "iresnet10", &options);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    const size_t size = (size_t)ftell(file);
    uint8_t *bytes = malloc(size);
    assert_non_null(bytes);
    rewind(file);
    assert_int_equal(fread(bytes, 1, size, file), size);
    fclose(file);
    for (size_t i = 0; i < 300; i++) {
        const size_t at = i < 150 ? i * 7 : (i * 2654435761u) % size;
        struct checkpoint_state found = {0};
        bytes[at] ^= 0x41;
        assert_non_null(file = fopen(path, "wb"));
        assert_int_equal(fwrite(bytes, 1, i % 2 ? size : at + 1, file), i % 2 ? size : at + 1);
        fclose(file);
        bytes[at] ^= 0x41;
        const enum status status = state_dict_describe(path, &found, NULL, NULL);
        assert_true(status == STATUS_DATA || (i % 2 && status == STATUS_OK));
    }
    free(bytes);
    iresnet_free(net);
}

static const char *write_bytes(struct scratch *scratch, const uint8_t *bytes, size_t count)
{
    const char *path = scratch_path(scratch, "hostile.onnx");
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, count, file), count);
    assert_int_equal(fclose(file), 0);
    return path;
}

/* Puts a message's tag and length in front of it, which ends at `end`; returns where that begins. */
static size_t wrap(uint8_t *bytes, size_t begin, size_t end, int field)
{
    uint8_t length[10];
    size_t count = 0;
    for (uint64_t left = end - begin; left > 0 || count == 0; left >>= 7) {
        length[count++] = (uint8_t)((left & 127) | (left > 127 ? 128 : 0));
    }
    begin -= count;
    memcpy(bytes + begin, length, count);
    bytes[--begin] = (uint8_t)(field << 3 | 2);
    return begin;
}

/* A graph in an attribute of a node of a graph in an attribute ..., deeper than a stack: passed over. */
static void test_deep(void **state)
{
    struct scratch *scratch = *state;
    enum { LEVELS = 100000, GRAPH_OF_MODEL = 7, NODE = 1, ATTRIBUTE = 5, GRAPH_OF_ATTRIBUTE = 6 };
    const size_t end = LEVELS * 15;
    uint8_t *bytes = malloc(end);
    assert_non_null(bytes);
    size_t begin = end;
    for (int i = 0; i < LEVELS; i++) {
        begin = wrap(bytes, begin, end, NODE);
        begin = wrap(bytes, begin, end, i + 1 < LEVELS ? GRAPH_OF_ATTRIBUTE : GRAPH_OF_MODEL);
        if (i + 1 < LEVELS) {
            begin = wrap(bytes, begin, end, ATTRIBUTE);
        }
    }
    refused(write_bytes(scratch, bytes + begin, end - begin), "the graph has 0 inputs");
    free(bytes);
}

/* Millions of empty nodes: two bytes each in the file, a hundred in memory. */
static void test_swollen(void **state)
{
    struct scratch *scratch = *state;
    const size_t nodes = 2000000, end = 2 * nodes + 10;
    uint8_t *bytes = calloc(1, end);
    assert_non_null(bytes);
    for (size_t i = 0; i < nodes; i++) {
        bytes[10 + 2 * i] = 1 << 3 | 2;
    }
    const size_t begin = wrap(bytes, 10, end, 7);
    refused(write_bytes(scratch, bytes + begin, end - begin), "needs too much memory");
    refused(write_bytes(scratch, bytes, 0), "no ONNX model");
    free(bytes);
    const uint8_t versions[2] = {1 << 3, 7};
    refused(write_bytes(scratch, versions, 2), "it has no graph");
    refused(scratch->directory, "this is no plain file");
}

static struct onnx_model *begin_model(const int64_t sides[3])
{
    struct onnx_model *model = onnx_create("other", "");
    assert_non_null(model);
    onnx_add_input(model, "data", 3, sides);
    return model;
}

static const char *end_model(struct scratch *scratch, struct onnx_model *model, const char *output)
{
    const char *path = scratch_path(scratch, "other.onnx");
    const int64_t embedding = 4;
    onnx_add_output(model, output, 1, &embedding);
    assert_int_equal(onnx_write(model, path, NULL), STATUS_OK);
    onnx_free(model);
    return path;
}

/* Models that are sound but no iresnets are refused by the node that is not one's. */
static void test_not_an_iresnet(void **state)
{
    struct scratch *scratch = *state;
    static const int64_t sides[3] = {3, 32, 32}, odd[3] = {3, 32, 40};
    const size_t five[4] = {8, 3, 5, 5}, three[4] = {8, 3, 3, 3};
    struct onnx_model *model = begin_model(sides);
    onnx_add_node(model, "Relu", "first", (const char *const[]){"data"}, 1);
    refused(end_model(scratch, model, "first"), "node 'first' (Relu): an iresnet has Conv there");

    model = begin_model(sides);
    onnx_add_array(model, "w", 4, five);
    onnx_add_node(model, "Conv", "wide", (const char *const[]){"data", "w"}, 2);
    refused(end_model(scratch, model, "wide"),
            "node 'wide' (Conv): an iresnet has a convolution of 3 channels");

    model = begin_model(sides);
    onnx_add_node(model, "Conv", "bare", (const char *const[]){"data", "w"}, 2);
    refused(end_model(scratch, model, "bare"), "node 'bare' (Conv): its input 2 is no array of the file");

    model = begin_model(sides);
    onnx_add_array(model, "w", 4, three);
    onnx_add_node(model, "Conv", "stem", (const char *const[]){"data", "w"}, 2);
    onnx_set_ints(model, "pads", (int64_t[]){1, 1, 1, 1}, 4);
    onnx_add_node(model, "Relu", "act", (const char *const[]){"stem"}, 1);
    refused(end_model(scratch, model, "act"), "node 'act' (Relu): an iresnet has PRelu there");

    model = begin_model(odd);
    onnx_add_node(model, "Relu", "first", (const char *const[]){"data"}, 1);
    refused(end_model(scratch, model, "first"), "40 x 32 pixels are not square");

    model = begin_model(sides);
    onnx_add_input(model, "more", 3, sides);
    refused(end_model(scratch, model, "more"), "the graph has 2 inputs");

    model = begin_model(sides);
    onnx_add_node(model, "Identity", "one", (const char *const[]){"two"}, 1);
    onnx_add_node(model, "Identity", "two", (const char *const[]){"one"}, 1);
    refused(end_model(scratch, model, "two"), "'data' is taken by 0 nodes");

    model = begin_model(sides);
    onnx_add_node(model, "Relu", "data", (const char *const[]){"data"}, 1);
    refused(end_model(scratch, model, "data"), "the graph has two values 'data'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_round_trip, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_another_network, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_damaged, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_deep, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_swollen, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_not_an_iresnet, scratch_setup, scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
