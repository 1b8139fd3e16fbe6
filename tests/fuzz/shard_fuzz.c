/* A shard: opened, every image read, checked and decoded.
 * Covers: shard/shard_read.c shard/hdf5/hdf5.c shard/hdf5/hdf5_description.c shard/hdf5/hdf5_read*.c */
#include "shard/shard.h"
#include "tests/fuzz/hdf5_described.h"

static void read_images(const struct shard *shard)
{
    struct image image;
    struct error error;
    for (uint32_t i = 0; i < shard->images; i++) {
        size_t bytes = (size_t)(shard->offset[i + 1] - shard->offset[i]);
        uint8_t *encoded = malloc(bytes);
        fuzz_require(encoded, "an image of an open shard fits in memory");
        enum status status = shard_read(shard, i, 1, encoded, &error);
        if (status == STATUS_OK && shard_check_image(shard, i, encoded, &error) == STATUS_OK &&
            image_decode(encoded, bytes, &image, &error) == STATUS_OK) {
            image_free(&image);
        }
        free(encoded);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct shard shard;
    struct error error;
    char path[512];
    hdf5_described_take(&data, &size);
    fuzz_write("fuzz-00000.h5", data, size, path, sizeof path);
    if (shard_open(path, &shard, &error) == STATUS_OK) {
        fuzz_require(shard_is_valid(&shard, &error) == STATUS_OK, "an open shard is valid");
        read_images(&shard);
        shard_close(&shard);
    }
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    return hdf5_described_mutate(data, size, max_size, seed);
}
