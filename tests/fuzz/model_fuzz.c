/* A checkpoint's model.h5, read into the smallest network.
 * Covers: worker/checkpoint/checkpoint_model.c shard/hdf5/hdf5.c shard/hdf5/hdf5_description.c
 * shard/hdf5/hdf5_read*.c */
#include "tests/fuzz/model_fuzz.h"
#include "tests/fuzz/hdf5_described.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct model_fuzz model;
    struct error error;
    char path[512];
    if (!model.net) {
        model_fuzz_create(&model);
    }
    hdf5_described_take(&data, &size);
    fuzz_write("model.h5", data, size, path, sizeof path);
    checkpoint_read_model(fuzz_directory(), model.groups, 2, NULL, &error);
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    return hdf5_described_mutate(data, size, max_size, seed);
}
