#include "worker/blas.h"

#include <cblas.h>
#include <stddef.h>
#include <string.h>

#if defined(__x86_64__)
static const struct {
    const char *name;
    enum isa isa; /* the best one that they use */
} kernels[] = {
    {"Haswell", ISA_AVX2},          {"Zen", ISA_AVX2}, {"SkylakeX", ISA_AVX512}, {"Cooperlake", ISA_AVX512},
    {"SapphireRapids", ISA_AVX512},
};

bool blas_kernel_suits(const char *name, enum isa isa)
{
    for (size_t i = 0; i < sizeof kernels / sizeof kernels[0]; i++) {
        if (strcmp(kernels[i].name, name) == 0) {
            return kernels[i].isa >= isa;
        }
    }
    return isa == ISA_GENERIC;
}
#else
bool blas_kernel_suits(const char *name, enum isa isa)
{
    (void)name, (void)isa;
    return true;
}
#endif

const char *blas_lesser_kernel(void)
{
    const char *name = openblas_get_corename();
    return blas_kernel_suits(name, isa_best()) ? NULL : name;
}
