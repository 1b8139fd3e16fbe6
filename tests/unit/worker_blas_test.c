/* OpenBLAS's kernels beside what a processor can do. */
#include "worker/blas.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_kernels(void **state)
{
    (void)state;
    assert_true(blas_kernel_suits("Prescott", ISA_GENERIC));
#if defined(__x86_64__)
    assert_false(blas_kernel_suits("Prescott", ISA_AVX2));
    assert_false(blas_kernel_suits("Sandybridge", ISA_AVX2));
    assert_true(blas_kernel_suits("Haswell", ISA_AVX2));
    assert_true(blas_kernel_suits("SkylakeX", ISA_AVX2));
    assert_false(blas_kernel_suits("Zen", ISA_AVX512));
    assert_false(blas_kernel_suits("Haswell", ISA_AVX512));
    assert_true(blas_kernel_suits("SkylakeX", ISA_AVX512));
    assert_true(blas_kernel_suits("Cooperlake", ISA_AVX512));
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_kernels)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
