#include "worker/nn/conv/kernels.h"

extern const struct nn_kernels nn_kernels_generic;
#ifdef __x86_64__
extern const struct nn_kernels nn_kernels_avx2, nn_kernels_avx512;
#endif

const struct nn_kernels *nn_kernels_of(enum isa isa)
{
    switch (isa) {
#ifdef __x86_64__
    case ISA_AVX2:
        return &nn_kernels_avx2;
    case ISA_AVX512:
        return &nn_kernels_avx512;
#endif
    default:
        return &nn_kernels_generic;
    }
}
