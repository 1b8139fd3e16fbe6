/* A published backbone as PyTorch saves it, read into the smallest network.
 * Covers: worker/interchange/torch_file.c worker/interchange/zip.c worker/interchange/state_dict_names.c
 * shard/pickle/pickle.c shard/pickle/pickle_opcode.c shard/pickle/pickle_machine.c */
#include "tests/fuzz/state_dict_fuzz.h"
#include "worker/interchange/torch_file.h"

/* Every array that the reader believes in can be read, in the memory that its shape asks for. */
static void read_arrays(const char *path, size_t size)
{
    struct safetensors file;
    struct error error;
    if (torch_file_open(path, &file, &error) != STATUS_OK) {
        fuzz_require(error.what[0] != '\0', "a refusal says why");
        return;
    }
    for (size_t i = 0; i < file.count; i++) {
        const struct safetensors_array *array = &file.arrays[i];
        fuzz_require(array->begin <= array->end && array->end <= size, "an array lies within the file");
        if (array->type == SAFETENSORS_F32) {
            fuzz_require(array->count <= (array->end - array->begin) / 4,
                         "a shape asks for no more than there is");
            float *values = malloc((size_t)array->count * sizeof *values + 1);
            fuzz_require(values && safetensors_read(&file, array, values, &error) == STATUS_OK,
                         "an array can be read");
            free(values);
        }
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
