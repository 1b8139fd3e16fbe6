/* What any file of a backbone meets, whatever its format: it is described, and read into a small network. */
#ifndef DAIL_TESTS_FUZZ_STATE_DICT_FUZZ_H
#define DAIL_TESTS_FUZZ_STATE_DICT_FUZZ_H

#include "tests/fuzz/model_fuzz.h"
#include "worker/interchange/safetensors.h"
#include "worker/interchange/state_dict.h"

/* An array that a reader believes in lies within the file and can be read, in the memory that its shape asks for. */
static inline void state_dict_fuzz_array(const struct safetensors *file,
                                         const struct safetensors_array *array, size_t size)
{
    fuzz_require(array->begin <= array->end && array->end <= size, "an array lies within the file");
    if (array->type == SAFETENSORS_F32 || array->type == SAFETENSORS_F16 || array->type == SAFETENSORS_BF16) {
        size_t width = array->type == SAFETENSORS_F32 ? 4 : 2;
        struct error error;
        fuzz_require(array->count <= (array->end - array->begin) / width,
                     "a shape asks for no more than there is");
        float *values = malloc((size_t)array->count * sizeof *values + 1);
        fuzz_require(values && safetensors_read(file, array, values, &error) == STATUS_OK,
                     "an array can be read");
        free(values);
    }
}

static inline void state_dict_fuzz_file(const char *path)
{
    static struct model_fuzz model;
    struct checkpoint_state state = {0};
    struct error error;
    if (!model.net) {
        model_fuzz_create(&model);
    }
    if (state_dict_describe(path, &state, NULL, &error) == STATUS_OK) {
        fuzz_require(state.network.arch[0] != '\0' && state.network.input >= 16 &&
                         state.network.embedding > 0,
                     "a network that is told has sizes");
    }
    if (state_dict_read(path, model.net, &error) != STATUS_OK) {
        fuzz_require(error.what[0] != '\0', "a refusal says why");
    }
}

#endif
