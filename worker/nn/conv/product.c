#include "worker/nn/conv/product.h"

ISA_DEFINE_TABLE_OF(struct product_kernels, product_kernels)
