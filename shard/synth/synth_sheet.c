#include "shard/synth/synth_batch.h"

#include <stdlib.h>

/* The person of a sheet's row in a dataset: shared people first, then the dataset's own. */
static uint64_t sheet_person(const struct synth_config *config, int dataset, int row)
{
    const uint64_t shared = (uint64_t)(config->overlap * config->identities + 0.5);
    const uint64_t own = (uint64_t)config->identities - shared;
    return (uint64_t)row < shared ? (uint64_t)row : (uint64_t)row + (uint64_t)dataset * own;
}

enum status synth_sheet(const struct synth_config *config, int people, int pictures, struct sheet *sheet,
                        struct error *error)
{
    struct canvas canvas = {0};
    const int columns = config->datasets * pictures;
    const size_t side = (size_t)config->size;
    const struct sheet_layout layout = {.columns = columns, .rows = people, .side = config->size};
    *sheet = (struct sheet){0};
    enum status status = synth_is_valid(config, error);
    if (status != STATUS_OK)
        return status;
    if (people < 1 || pictures < 1 || people > config->identities)
        return error_set(error, STATUS_USAGE, NULL, "ask for other numbers",
                         "a sheet of %d pictures of %d people cannot be drawn", pictures, people);
    status = sheet_create(&layout, sheet, error);
    if (status == STATUS_OK)
        status = canvas_create(&canvas, config->size, error);
    uint8_t *pixels = malloc(side * side * 3);
    if (status == STATUS_OK && pixels == NULL)
        status = error_no_memory(error, "sheet");
    for (int i = 0; i < columns * people && status == STATUS_OK; i++) {
        const int row = i / columns;
        const int column = i % columns;
        const int dataset = column / pictures;
        synth_draw(config, &canvas, dataset, sheet_person(config, dataset, row),
                   (uint32_t)(column % pictures), pixels);
        sheet_put(sheet, column, row, pixels);
    }
    canvas_free(&canvas);
    free(pixels);
    if (status != STATUS_OK)
        sheet_free(sheet);
    return status;
}
