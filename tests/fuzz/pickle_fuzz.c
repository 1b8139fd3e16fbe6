/* A verification set as a pickle.
 * Covers: shard/pickle/pickle.c shard/pickle/pickle_opcode.c shard/pickle/pickle_machine.c shard/pickle/pickle_call.c shard/pack/pickle_set.c */
#include "shard/pack/pickle_set.h"
#include "tests/fuzz/fuzz.h"

enum { IMAGES_READ = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pickle_set set;
    struct error error;
    char path[512];
    fuzz_write("set.bin", data, size, path, sizeof path);
    if (pickle_set_open(path, &set, &error) != STATUS_OK) {
        return 0;
    }
    fuzz_require(set.pairs > 0, "a set that was opened has pairs");
    for (uint32_t i = 0; i < set.pairs; i++) {
        fuzz_require(set.same[i] <= 1, "a verdict is true or false");
    }
    for (uint32_t i = 0; i < set.pairs * 2 && i < IMAGES_READ; i++) {
        uint8_t *bytes;
        size_t count;
        fuzz_require(set.image[i].offset + set.image[i].size <= size, "images lie within the file");
        if (pickle_read(&set.pickle, &set.image[i], &bytes, &count, &error) == STATUS_OK) {
            fuzz_require(count <= set.image[i].size, "an image is no larger than what it is read from");
            free(bytes);
        }
    }
    pickle_set_close(&set);
    return 0;
}
