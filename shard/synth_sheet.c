#include "shard/synth_batch.h"

#include <stdlib.h>
#include <string.h>

/* The person of a sheet's row in a dataset: shared people first, then the dataset's own. */
static uint64_t sheet_person(const struct synth_config *config, int dataset, int row)
{
    const uint64_t shared = (uint64_t)(config->overlap * config->identities + 0.5);
    const uint64_t own = (uint64_t)config->identities - shared;
    return (uint64_t)row < shared ? (uint64_t)row : (uint64_t)row + (uint64_t)dataset * own;
}

enum status synth_sheet(const struct synth_config *config, int people, int pictures, struct image *sheet,
                        struct error *error)
{
    struct canvas canvas = {0};
    const int columns = config->datasets * pictures;
    const size_t side = (size_t)config->size;
    *sheet = (struct image){0};
    enum status status = synth_is_valid(config, error);
    if (status != STATUS_OK)
        return status;
    if (people < 1 || pictures < 1 || people > config->identities ||
        (int64_t)columns * config->size > IMAGE_SIDE_MAX || (int64_t)people * config->size > IMAGE_SIDE_MAX)
        return error_set(error, STATUS_USAGE, NULL, "ask for fewer or smaller pictures",
                         "a sheet of %d x %d pictures cannot be drawn", columns, people);
    status = canvas_create(&canvas, config->size, error);
    uint8_t *pixels = malloc(side * side * 3);
    sheet->pixels = malloc(side * side * 3 * (size_t)columns * (size_t)people);
    sheet->width = columns * config->size;
    sheet->height = people * config->size;
    if (status == STATUS_OK && (pixels == NULL || sheet->pixels == NULL))
        status = error_set(error, STATUS_INTERNAL, NULL, "free memory", "no memory for the sheet");
    for (int i = 0; i < columns * people && status == STATUS_OK; i++) {
        const int row = i / columns;
        const int column = i % columns;
        const int dataset = column / pictures;
        synth_draw(config, &canvas, dataset, sheet_person(config, dataset, row),
                   (uint32_t)(column % pictures), pixels);
        for (size_t y = 0; y < side; y++)
            memcpy(sheet->pixels + (((size_t)row * side + y) * (size_t)columns + (size_t)column) * side * 3,
                   pixels + y * side * 3, side * 3);
    }
    canvas_free(&canvas);
    free(pixels);
    if (status != STATUS_OK)
        image_free(sheet);
    return status;
}
