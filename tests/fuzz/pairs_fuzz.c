/* A verification set.
 * Covers: shard/pairs.c shard/hdf5/hdf5.c shard/hdf5/hdf5_description.c shard/hdf5/hdf5_read*.c */
#include "shard/pairs.h"
#include "tests/fuzz/hdf5_described.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pairs pairs;
    struct image image;
    struct error error;
    char path[512];
    hdf5_described_take(&data, &size);
    fuzz_write("fuzz.h5", data, size, path, sizeof path);
    if (pairs_open(path, &pairs, &error) == STATUS_OK) {
        fuzz_require(pairs_is_valid(&pairs, &error) == STATUS_OK, "an open set is valid");
        for (uint32_t i = 0; i < pairs.images; i++) {
            size_t bytes = (size_t)(pairs.offset[i + 1] - pairs.offset[i]);
            if (image_decode(pairs.image + pairs.offset[i], bytes, &image, &error) == STATUS_OK) {
                image_free(&image);
            }
        }
        pairs_close(&pairs);
    }
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    return hdf5_described_mutate(data, size, max_size, seed);
}
