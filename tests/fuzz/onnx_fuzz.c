/* A published backbone's ONNX model, read into the smallest network.
 * Covers: worker/onnx_file.c worker/onnx_walk.c worker/onnx_iresnet.c */
#include "tests/fuzz/model_fuzz.h"
#include "worker/onnx_iresnet.h"
#include "worker/state_dict.h"

/* Every array that is listed can be read, in the memory that its shape asks for. */
static void read_arrays(const char *path)
{
    struct onnx_iresnet *network;
    struct error error;
    size_t count;
    if (onnx_iresnet_open(path, &network, &error) != STATUS_OK) {
        fuzz_require(error.what[0] != '\0', "a refusal says why");
        return;
    }
    const struct safetensors_array *arrays = onnx_iresnet_arrays(network, &count);
    for (size_t i = 0; i < count; i++) {
        float *values = malloc((size_t)arrays[i].count * sizeof *values + 1);
        fuzz_require(values != NULL, "a shape asks for no more than there is");
        onnx_iresnet_read(network, i, values);
        free(values);
    }
    onnx_iresnet_close(network);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct model_fuzz model;
    struct error error;
    char path[512];
    if (!model.net) {
        model_fuzz_create(&model);
    }
    fuzz_write("net.onnx", data, size, path, sizeof path);
    struct checkpoint_state state = {0};
    read_arrays(path);
    if (state_dict_describe(path, &state, &error) == STATUS_OK) {
        fuzz_require(state.arch[0] != '\0' && state.input >= 16 && state.embedding > 0,
                     "a network that is told has sizes");
    }
    if (state_dict_read(path, model.net, &error) != STATUS_OK) {
        fuzz_require(error.what[0] != '\0', "a refusal says why");
    }
    return 0;
}
