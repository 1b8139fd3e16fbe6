#include "worker/nn/conv/winograd_transform.h"

ISA_DEFINE_TABLE_OF(struct winograd_transforms, winograd_transforms)

int winograd_turned(int plane)
{
    static const int reciprocal[] = {5, 3, 4, 1, 2, 0};
    return 6 * reciprocal[plane / 6] + reciprocal[plane % 6];
}
