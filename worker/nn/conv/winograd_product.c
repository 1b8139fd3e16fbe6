#include "worker/nn/conv/winograd_product.h"

ISA_DEFINE_TABLE_OF(struct winograd_products, winograd_products)
