/* The small files of a checkpoint, parted by a zero byte: COMMIT and state.yaml.
 * Covers: worker/checkpoint/checkpoint_state.c proto/strict_yaml.c */
#include "tests/fuzz/fuzz.h"
#include "worker/checkpoint/checkpoint.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct checkpoint_state state;
    struct error error;
    char path[512];
    size_t length = strnlen((const char *)data, size);
    fuzz_write("COMMIT", data, length, path, sizeof path);
    data += length < size ? length + 1 : length;
    size -= length < size ? length + 1 : length;
    fuzz_write("state.yaml", data, size, path, sizeof path);
    checkpoint_verify(fuzz_directory(), true, &error);
    if (checkpoint_read_state(fuzz_directory(), &state, &error) == STATUS_OK) {
        fuzz_require(state.lanes > 0 && state.workers > 0 && state.hidden_count <= CHECKPOINT_HIDDEN_MAX,
                     "the numbers of a state are in their ranges");
        for (size_t k = 0; k < state.dataset_count; k++) {
            fuzz_require(state.datasets[k].classes > 0 && state.datasets[k].parts > 0,
                         "a dataset has classes and parts");
        }
        checkpoint_state_free(&state);
    }
    return 0;
}
