#include "worker/nn/conv/winograd_product.h"

extern const struct winograd_products winograd_products_generic;
#ifdef __x86_64__
extern const struct winograd_products winograd_products_avx2, winograd_products_avx512;
#endif

const struct winograd_products *winograd_products_of(enum isa isa)
{
    switch (isa) {
#ifdef __x86_64__
    case ISA_AVX2:
        return &winograd_products_avx2;
    case ISA_AVX512:
        return &winograd_products_avx512;
#endif
    default:
        return &winograd_products_generic;
    }
}
