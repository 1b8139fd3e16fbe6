/* A published backbone's ONNX model, read into the smallest network.
 * Covers: worker/interchange/onnx_file.c worker/interchange/onnx_walk.c worker/interchange/onnx_iresnet.c */
#include "tests/fuzz/state_dict_fuzz.h"
#include "worker/interchange/onnx_iresnet.h"

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
        fuzz_require(values, "a shape asks for no more than there is");
        onnx_iresnet_read(network, i, values, NULL);
        free(values);
    }
    onnx_iresnet_close(network);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[512];
    fuzz_write("net.onnx", data, size, path, sizeof path);
    read_arrays(path);
    state_dict_fuzz_file(path);
    return 0;
}
