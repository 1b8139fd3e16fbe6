/* A published backbone as PyTorch saves it, read into the smallest network.
 * Covers: worker/interchange/torch_file.c worker/interchange/zip.c worker/interchange/state_dict_names.c
 * shard/pickle/pickle.c shard/pickle/pickle_opcode.c shard/pickle/pickle_machine.c */
#include "tests/fuzz/state_dict_fuzz.h"
#include "worker/interchange/torch_file.h"

static void read_arrays(const char *path, size_t size)
{
    struct safetensors file;
    struct error error;
    if (torch_file_open(path, &file, &error) != STATUS_OK) {
        fuzz_require(error.what[0] != '\0', "a refusal says why");
        return;
    }
    for (size_t i = 0; i < file.count; i++) {
        state_dict_fuzz_array(&file, &file.arrays[i], size);
    }
    safetensors_close(&file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[512];
    fuzz_write("net.pth", data, size, path, sizeof path);
    read_arrays(path, size);
    state_dict_fuzz_file(path);
    return 0;
}
