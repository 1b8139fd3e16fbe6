#include "worker/nn/conv/kernels.h"

ISA_DEFINE_TABLE_OF(struct nn_kernels, nn_kernels)
