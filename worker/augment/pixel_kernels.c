#include "worker/augment/pixel_kernels.h"

ISA_DEFINE_TABLE_OF(struct pixel_kernels, pixel_kernels)
