/* Which kernels OpenBLAS has taken: its version may not know the processor, and OPENBLAS_CORETYPE overrules it.
 * The network does not depend on them; the classifier and the domain head do. */
#ifndef DAIL_WORKER_BLAS_H
#define DAIL_WORKER_BLAS_H

#include "worker/nn/conv/isa.h"

#include <stdbool.h>

/* Whether OpenBLAS's kernels of this name (openblas_get_corename) use all of an instruction set. */
bool blas_kernel_suits(const char *name, enum isa isa);

/* The name of those in use where the processor has better ones; NULL where it has not. */
const char *blas_lesser_kernel(void);

#endif
