#include "shard/image/sheet.h"

#include "proto/file.h"

#include <stdlib.h>
#include <string.h>

/* Characters are 3 x 5 dots, a dot is DOT pixels square. */
#define DOT 3
#define GLYPH_COLUMNS 3
#define GLYPH_ROWS 5

/* An octal digit of `dots` is a row. */
static const struct {
    char character;
    unsigned dots;
} glyphs[] = {
    {'0', 075557}, {'1', 026227}, {'2', 071747}, {'3', 071717}, {'4', 055711}, {'5', 074717},
    {'6', 074757}, {'7', 071111}, {'8', 075757}, {'9', 075717}, {'.', 000002}, {'-', 000700},
};

static int groups_before(const struct sheet_layout *layout, int column)
{
    return layout->group > 0 ? column / layout->group : 0;
}

enum status sheet_create(const struct sheet_layout *layout, struct sheet *sheet, struct error *error)
{
    const int64_t width = layout->label + (int64_t)layout->columns * layout->side +
                          (int64_t)groups_before(layout, layout->columns - 1) * layout->gap;
    const int64_t height = (int64_t)layout->rows * layout->side + (int64_t)(layout->rows - 1) * layout->gap;
    *sheet = (struct sheet){.layout = *layout};
    if (width > IMAGE_SIDE_MAX || height > IMAGE_SIDE_MAX)
        return error_set(error, STATUS_USAGE, NULL, "ask for fewer or smaller pictures",
                         "a sheet of %d x %d pictures cannot be drawn", layout->columns, layout->rows);
    const size_t bytes = (size_t)width * (size_t)height * 3;
    sheet->image = (struct image){(int)width, (int)height, malloc(bytes)};
    if (sheet->image.pixels == NULL)
        return error_no_memory(error, "sheet");
    memset(sheet->image.pixels, 255, bytes);
    return STATUS_OK;
}

void sheet_free(struct sheet *sheet)
{
    image_free(&sheet->image);
}

static uint8_t *pixel_at(const struct sheet *sheet, int x, int y)
{
    return sheet->image.pixels + ((size_t)y * (size_t)sheet->image.width + (size_t)x) * 3;
}

void sheet_put(struct sheet *sheet, int column, int row, const uint8_t *pixels)
{
    const struct sheet_layout *layout = &sheet->layout;
    const size_t line = (size_t)layout->side * 3;
    const int left = layout->label + column * layout->side + groups_before(layout, column) * layout->gap;
    const int top = row * (layout->side + layout->gap);
    for (int y = 0; y < layout->side; y++)
        memcpy(pixel_at(sheet, left, top + y), pixels + (size_t)y * line, line);
}

/* 0 for a character that is not among them. */
static unsigned find_dots(char character)
{
    for (size_t i = 0; i < sizeof glyphs / sizeof *glyphs; i++)
        if (glyphs[i].character == character)
            return glyphs[i].dots;
    return 0;
}

static void draw_glyph(struct sheet *sheet, int left, int top, unsigned dots, const uint8_t colour[3])
{
    for (int y = 0; y < GLYPH_ROWS * DOT; y++)
        for (int x = 0; x < GLYPH_COLUMNS * DOT; x++) {
            const int dot = y / DOT * GLYPH_COLUMNS + x / DOT;
            if (dots >> (GLYPH_ROWS * GLYPH_COLUMNS - 1 - dot) & 1)
                memcpy(pixel_at(sheet, left + x, top + y), colour, 3);
        }
}

void sheet_label(struct sheet *sheet, int row, int line, const char *text, const uint8_t colour[3])
{
    const struct sheet_layout *layout = &sheet->layout;
    const int below = DOT + line * (GLYPH_ROWS + 2) * DOT;
    int left = DOT;
    if (below + GLYPH_ROWS * DOT > layout->side)
        return;
    for (; *text != 0 && left + GLYPH_COLUMNS * DOT <= layout->label; text++) {
        draw_glyph(sheet, left, row * (layout->side + layout->gap) + below, find_dots(*text), colour);
        left += (GLYPH_COLUMNS + 1) * DOT;
    }
}

enum status sheet_write(const struct sheet *sheet, const char *path, struct error *error)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    enum status status = image_encode(&sheet->image, IMAGE_PNG, 0, &bytes, &size, error);
    if (status == STATUS_OK)
        status = file_write_atomic(path, bytes, size, error);
    free(bytes);
    return status;
}
