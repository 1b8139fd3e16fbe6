/* Instruction sets. One kernel source (kernels.inc.c) is compiled once per set and picked here at run time;
 * the plain C build of the same source is always there.
 */
#ifndef DAIL_WORKER_NN_CONV_ISA_H
#define DAIL_WORKER_NN_CONV_ISA_H

#include "proto/error.h"

enum isa { ISA_GENERIC, ISA_AVX2, ISA_AVX512 };

/* The best set this machine runs, or the one that the environment's DAIL_ISA names (generic, avx2, avx512).
 * STATUS_USAGE if DAIL_ISA names none, or one that this machine cannot run. */
enum status isa_detect(enum isa *isa, struct error *error);

const char *isa_name(enum isa isa);

#endif
