/* The instruction sets that kernels are compiled for, one line each, the best one last:
 *   ISA(name, SYMBOL, whether this machine runs it, the flags that its kernels are compiled with)
 * The Makefile reads names and flags from here too; nothing else is to be told of a new set.
 */
#ifndef DAIL_WORKER_NN_CONV_ISA_LIST_H
#define DAIL_WORKER_NN_CONV_ISA_LIST_H

#define ISA_HAS(feature) __builtin_cpu_supports(feature)

/* `ISA` is a macro that takes `type` and `table` before the columns. */
/* clang-format off */
#if defined(__x86_64__)
#define ISA_LIST(ISA, type, table) \
    ISA(type, table, generic, GENERIC, true, "-O3") \
    ISA(type, table, avx2, AVX2, ISA_HAS("avx2") && ISA_HAS("fma"), "-O3 -mavx2 -mfma") \
    ISA(type, table, avx512, AVX512, ISA_HAS("avx512f") && ISA_HAS("avx512dq") && ISA_HAS("avx512bw") && ISA_HAS("avx512vl") && ISA_HAS("fma"), \
        "-O3 -mavx512f -mavx512dq -mavx512bw -mavx512vl -mfma -mprefer-vector-width=512")
#else
#define ISA_LIST(ISA, type, table) \
    ISA(type, table, generic, GENERIC, true, "-O3")
#endif
/* clang-format on */

#endif
