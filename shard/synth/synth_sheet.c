#include "shard/synth/synth_batch.h"

#include <stdio.h>
#include <stdlib.h>

#define LABEL 44
#define GAP 4

static uint64_t shared_people(const struct synth_config *config)
{
    return (uint64_t)(config->overlap * config->identities + 0.5);
}

/* The person of a sheet's row in a dataset: shared people first, then the dataset's own. */
static uint64_t sheet_person(const struct synth_config *config, int dataset, int row)
{
    const uint64_t shared = shared_people(config);
    const uint64_t own = (uint64_t)config->identities - shared;
    return (uint64_t)row < shared ? (uint64_t)row : (uint64_t)row + (uint64_t)dataset * own;
}

/* Left of a row: its number, and whether its person is the same in all datasets, or each one's own. */
static void name_all(const struct synth_config *config, int people, int pictures, struct sheet *sheet)
{
    static const uint8_t black[3] = {0, 0, 0};
    char text[128];
    sheet_title(sheet, 0, "A row is a person: the same in all datasets, or each dataset's own");
    for (int dataset = 0; dataset < config->datasets; dataset++) {
        snprintf(text, sizeof text, "%s%d", config->name, dataset);
        sheet_heading(sheet, dataset * pictures, pictures, text);
    }
    for (int row = 0; row < people; row++) {
        snprintf(text, sizeof text, "%d", row + 1);
        sheet_label(sheet, row, 0, text, black);
        sheet_label(sheet, row, 1, (uint64_t)row < shared_people(config) ? "all" : "own", black);
    }
}

enum status synth_sheet(const struct synth_config *config, int people, int pictures, struct sheet *sheet,
                        struct error *error)
{
    struct canvas canvas = {0};
    const int columns = config->datasets * pictures;
    const size_t side = (size_t)config->size;
    const struct sheet_layout layout = {.columns = columns,
                                        .rows = people,
                                        .side = config->size,
                                        .label = LABEL,
                                        .titles = 2,
                                        .group = pictures,
                                        .gap = GAP};
    *sheet = (struct sheet){0};
    enum status status = synth_is_valid(config, error);
    if (status != STATUS_OK) {
        return status;
    }
    if (people < 1 || pictures < 1 || people > config->identities) {
        return error_set(error, STATUS_USAGE, NULL, "ask for other numbers",
                         "a sheet of %d pictures of %d people cannot be drawn", pictures, people);
    }
    status = sheet_create(&layout, sheet, error);
    if (status == STATUS_OK) {
        status = canvas_create(&canvas, config->size, error);
    }
    uint8_t *pixels = malloc(side * side * 3);
    if (status == STATUS_OK && !pixels) {
        status = error_no_memory(error, "sheet");
    }
    if (status == STATUS_OK) {
        name_all(config, people, pictures, sheet);
    }
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
    if (status != STATUS_OK) {
        sheet_free(sheet);
    }
    return status;
}
