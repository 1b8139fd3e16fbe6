#include "worker/nn/conv/winograd_transform.h"

extern const struct winograd_transforms winograd_transforms_generic;
#ifdef __x86_64__
extern const struct winograd_transforms winograd_transforms_avx2, winograd_transforms_avx512;
#endif

const struct winograd_transforms *winograd_transforms_of(enum isa isa)
{
    switch (isa) {
#ifdef __x86_64__
    case ISA_AVX2:
        return &winograd_transforms_avx2;
    case ISA_AVX512:
        return &winograd_transforms_avx512;
#endif
    default:
        return &winograd_transforms_generic;
    }
}

int winograd_turned(int plane)
{
    static const int reciprocal[] = {5, 3, 4, 1, 2, 0};
    return 6 * reciprocal[plane / 6] + reciprocal[plane % 6];
}
