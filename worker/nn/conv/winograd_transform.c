#include "worker/nn/conv/winograd_transform.h"

const struct winograd_transforms_by_tile *winograd_transforms_by_tile_of(enum isa isa);
ISA_DEFINE_TABLE_OF(struct winograd_transforms_by_tile, winograd_transforms_by_tile)

const struct winograd_transforms *winograd_transforms_of(enum isa isa, int tile)
{
    const struct winograd_transforms_by_tile *table = winograd_transforms_by_tile_of(isa);
    return tile == 4 ? &table->four : &table->seven;
}

/* Counted in winograd_transform.isa.c: operations of a one-dimensional transform times how often it is taken. */
struct winograd_operations winograd_operations_of(int tile)
{
    if (tile == 4) {
        return (struct winograd_operations){.input = 22 * (6 + 6),
                                            .output = 16 * (6 + 4),
                                            .gradient = 14 * (4 + 6),
                                            .weight = 13 * (3 + 6),
                                            .weight_gradient = 18 * (6 + 3)};
    }
    return (struct winograd_operations){.input = 68 * (9 + 9),
                                        .output = 54 * (9 + 7),
                                        .gradient = 52 * (7 + 9),
                                        .weight = 24 * (3 + 9),
                                        .weight_gradient = 30 * (9 + 3)};
}
