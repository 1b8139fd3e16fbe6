/* A part of a checkpoint's classifier.
 * Covers: worker/checkpoint/checkpoint_classifier.c shard/hdf5/hdf5.c shard/hdf5/hdf5_description.c
 * shard/hdf5/hdf5_read*.c */
#include "tests/fuzz/hdf5_described.h"
#include "tests/fuzz/model_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct checkpoint_dataset dataset = {.name = "fuzz", .classes = MODEL_CLASSES, .parts = 1};
    static float weight[MODEL_CLASSES * MODEL_EMBEDDING], momentum[MODEL_CLASSES * MODEL_EMBEDDING];
    struct error error;
    char path[512];
    hdf5_described_take(&data, &size);
    fuzz_write("classifier-fuzz.1-of-1.h5", data, size, path, sizeof path);
    for (uint32_t begin = 0; begin < MODEL_CLASSES; begin++) {
        struct parameter parameter;
        const struct parameter_group group = model_fuzz_rows(&parameter, begin, weight, momentum);
        checkpoint_read_classifier(fuzz_directory(), &dataset, &group, NULL, &error);
    }
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    return hdf5_described_mutate(data, size, max_size, seed);
}
