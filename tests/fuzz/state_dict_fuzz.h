/* What any file of a backbone meets, whatever its format: it is described, and read into a small network. */
#ifndef DAIL_TESTS_FUZZ_STATE_DICT_FUZZ_H
#define DAIL_TESTS_FUZZ_STATE_DICT_FUZZ_H

#include "tests/fuzz/model_fuzz.h"
#include "worker/interchange/state_dict.h"

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
