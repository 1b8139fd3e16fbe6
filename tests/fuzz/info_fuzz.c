/* Any file, as dail info tells what it is and describes it; traces are known to it as HDF5 files alone.
 * Covers: shard/kind.c daemon/info/info.c daemon/info/info_text.c
 * Covers: shard/hdf5/hdf5.c shard/hdf5/hdf5_description.c shard/hdf5/hdf5_read*.c
 */
#include "daemon/info/info.h"
#include "tests/fuzz/hdf5_described.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum kind kind;
    struct error error;
    char path[512], *text = NULL;
    size_t length;
    hdf5_described_take(&data, &size);
    fuzz_write("any", data, size, path, sizeof path);
    if (kind_of_path(path, &kind, &error) != STATUS_OK) {
        return 0;
    }
    FILE *output = open_memstream(&text, &length);
    info_print(path, kind, output, &error);
    fclose(output);
    free(text);
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    return hdf5_described_mutate(data, size, max_size, seed);
}
