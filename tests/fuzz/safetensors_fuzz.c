/* A published backbone's safetensors file, read into the smallest network. The header's length is mostly kept
 * right, or nothing behind it would be reached. Covers: worker/interchange/safetensors_read.c
 * worker/interchange/state_dict_read.c */
#include "tests/fuzz/state_dict_fuzz.h"
#include "worker/interchange/safetensors.h"

enum { LENGTH_BYTES = 8 };

static void read_arrays(const char *path, size_t size)
{
    struct safetensors file;
    struct error error;
    if (safetensors_open(path, &file, &error) != STATUS_OK) {
        return;
    }
    uint64_t end = 0;
    for (size_t i = 0; i < file.count; i++) {
        const struct safetensors_array *array = &file.arrays[i];
        fuzz_require(array->begin == end, "arrays lie one behind the other");
        fuzz_require(safetensors_find(file.arrays, file.count, array->name), "an array is found by its name");
        end = array->end;
        state_dict_fuzz_array(&file, array, size);
    }
    safetensors_close(&file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[512];
    fuzz_write("net.safetensors", data, size, path, sizeof path);
    read_arrays(path, size);
    state_dict_fuzz_file(path);
    return 0;
}

static size_t header_length(const uint8_t *data, size_t size)
{
    uint64_t length = 0;
    for (int i = 0; i < LENGTH_BYTES; i++) {
        length |= (uint64_t)data[i] << (8 * i);
    }
    return length < size - LENGTH_BYTES ? (size_t)length : size - LENGTH_BYTES;
}

/* Mostly the header alone is changed, and its length with it. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    if (size < LENGTH_BYTES || seed % 8 == 0) {
        return LLVMFuzzerMutate(data, size, max_size);
    }
    size_t length = header_length(data, size), behind = size - LENGTH_BYTES - length;
    uint8_t *rest = malloc(behind + 1);
    fuzz_require(rest, "there is memory");
    memcpy(rest, data + LENGTH_BYTES + length, behind);
    length = LLVMFuzzerMutate(data + LENGTH_BYTES, length, max_size - LENGTH_BYTES - behind);
    memcpy(data + LENGTH_BYTES + length, rest, behind);
    for (int i = 0; i < LENGTH_BYTES; i++) {
        data[i] = (uint8_t)((uint64_t)length >> (8 * i));
    }
    free(rest);
    return LENGTH_BYTES + length + behind;
}
