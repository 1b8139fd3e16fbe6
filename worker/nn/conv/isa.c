#include "worker/nn/conv/isa.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const char *const isa_names[] = {"generic", "avx2", "avx512"};
enum { ISA_COUNT = sizeof isa_names / sizeof isa_names[0] };

/* The features are those that the Makefile compiles each set with. */
static bool isa_runs(enum isa isa)
{
#if defined(__x86_64__)
    switch (isa) {
    case ISA_AVX512:
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
               __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
               __builtin_cpu_supports("fma");
    case ISA_AVX2:
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    case ISA_GENERIC:
        break;
    }
#endif
    return isa == ISA_GENERIC;
}

static enum status isa_named(const char *name, enum isa *isa, struct error *error)
{
    for (int i = 0; i < ISA_COUNT; i++) {
        if (strcmp(name, isa_names[i]) != 0)
            continue;
        if (!isa_runs((enum isa)i))
            return error_set(error, STATUS_USAGE, "DAIL_ISA", "unset it to take the best set of this machine",
                             "this machine cannot run the instruction set '%s'", name);
        *isa = (enum isa)i;
        return STATUS_OK;
    }
    return error_set(error, STATUS_USAGE, "DAIL_ISA", "use generic, avx2 or avx512, or unset it",
                     "'%s' is no instruction set", name);
}

enum status isa_detect(enum isa *isa, struct error *error)
{
    const char *name = getenv("DAIL_ISA");
    if (name != NULL && name[0] != '\0')
        return isa_named(name, isa, error);
    for (int i = ISA_COUNT - 1; i >= 0; i--) {
        if (isa_runs((enum isa)i)) {
            *isa = (enum isa)i;
            return STATUS_OK;
        }
    }
    *isa = ISA_GENERIC;
    return STATUS_OK;
}

const char *isa_name(enum isa isa)
{
    return isa_names[isa];
}
