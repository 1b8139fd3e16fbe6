#include "shard/image/sheet.h"

#include "proto/file.h"

#include <stdlib.h>
#include <string.h>

/* Characters are 3 x 5 dots; a dot is so many pixels square, in a label and in a line of text. */
#define LABEL_DOT 3
#define LINE_DOT 2
#define GLYPH_COLUMNS 3
#define GLYPH_ROWS 5
#define LINE_PIXELS ((GLYPH_ROWS + 2) * LINE_DOT)

/* An octal digit of `dots` is a row. */
static const struct {
    char character;
    unsigned dots;
} glyphs[] = {
    {'0', 075557},  {'1', 026227}, {'2', 071747}, {'3', 071717}, {'4', 055711}, {'5', 074717}, {'6', 074757},
    {'7', 071111},  {'8', 075757}, {'9', 075717}, {'.', 000002}, {'-', 000700}, {' ', 000000}, {'A', 025755},
    {'B', 065656},  {'C', 034443}, {'D', 065556}, {'E', 074647}, {'F', 074644}, {'G', 034553}, {'H', 055755},
    {'I', 072227},  {'J', 011152}, {'K', 055655}, {'L', 044447}, {'M', 057755}, {'N', 065555}, {'O', 025552},
    {'P', 065644},  {'Q', 025563}, {'R', 065655}, {'S', 034216}, {'T', 072222}, {'U', 055557}, {'V', 055552},
    {'W', 055775},  {'X', 055255}, {'Y', 055222}, {'Z', 071247}, {'_', 000007}, {':', 002020}, {'/', 011244},
    {',', 000024},  {'(', 012221}, {')', 042224}, {'+', 002720}, {'=', 007070}, {'%', 051245}, {'?', 061202},
    {'\'', 022000}, {';', 002024},
};

static const uint8_t black[3] = {0, 0, 0};

static int groups_before(const struct sheet_layout *layout, int column)
{
    return layout->group > 0 ? column / layout->group : 0;
}

static int row_top(const struct sheet_layout *layout, int row)
{
    const int row_height = layout->side + (layout->captions ? LINE_PIXELS : 0) + layout->gap;
    return layout->titles * LINE_PIXELS + row * row_height;
}

static int column_left(const struct sheet_layout *layout, int column)
{
    return layout->label + column * layout->side + groups_before(layout, column) * layout->gap;
}

enum status sheet_create(const struct sheet_layout *layout, struct sheet *sheet, struct error *error)
{
    const int64_t width = layout->label + (int64_t)layout->columns * layout->side +
                          (int64_t)groups_before(layout, layout->columns - 1) * layout->gap;
    const int64_t height = (int64_t)row_top(layout, layout->rows) - layout->gap;
    *sheet = (struct sheet){.layout = *layout};
    if (width > IMAGE_SIDE_MAX || height > IMAGE_SIDE_MAX) {
        return error_set(error, STATUS_USAGE, NULL, "ask for fewer or smaller pictures",
                         "a sheet of %d x %d pictures cannot be drawn", layout->columns, layout->rows);
    }
    const size_t bytes = (size_t)width * (size_t)height * 3;
    sheet->image = (struct image){.width = (int)width, .height = (int)height, .pixels = malloc(bytes)};
    if (!sheet->image.pixels) {
        return error_no_memory(error, "sheet");
    }
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
    const int left = column_left(layout, column), top = row_top(layout, row);
    for (int y = 0; y < layout->side; y++) {
        memcpy(pixel_at(sheet, left, top + y), pixels + (size_t)y * line, line);
    }
}

static unsigned find_dots(char character)
{
    const char capital = (char)(character >= 'a' && character <= 'z' ? character - 'a' + 'A' : character);
    for (size_t i = 0; i < sizeof glyphs / sizeof *glyphs; i++) {
        if (glyphs[i].character == capital) {
            return glyphs[i].dots;
        }
    }
    return find_dots('?');
}

static void draw_glyph(struct sheet *sheet, int left, int top, int dot, unsigned dots,
                       const uint8_t colour[3])
{
    for (int y = 0; y < GLYPH_ROWS * dot; y++) {
        for (int x = 0; x < GLYPH_COLUMNS * dot; x++) {
            const int number = y / dot * GLYPH_COLUMNS + x / dot;
            if (dots >> (GLYPH_ROWS * GLYPH_COLUMNS - 1 - number) & 1) {
                memcpy(pixel_at(sheet, left + x, top + y), colour, 3);
            }
        }
    }
}

/* Text that ends before `right`. A character of more than one byte is one question mark. */
static void draw_text(struct sheet *sheet, int left, int right, int top, int dot, const char *text,
                      const uint8_t colour[3])
{
    const int step = (GLYPH_COLUMNS + 1) * dot;
    int room = (right - left + dot) / step, length = 0;
    for (const char *at = text; *at != 0; at++) {
        length += ((unsigned char)*at & 0xc0) != 0x80;
    }
    const int whole = length <= room ? length : room - 2;
    for (int i = 0; i < room && *text != 0; i++) {
        draw_glyph(sheet, left + i * step, top, dot, find_dots(i < whole ? *text : '.'), colour);
        do {
            text++;
        } while (((unsigned char)*text & 0xc0) == 0x80);
    }
}

void sheet_label(struct sheet *sheet, int row, int line, const char *text, const uint8_t colour[3])
{
    const struct sheet_layout *layout = &sheet->layout;
    const int below = LABEL_DOT + line * (GLYPH_ROWS + 2) * LABEL_DOT;
    if (below + GLYPH_ROWS * LABEL_DOT <= layout->side) {
        draw_text(sheet, LABEL_DOT, layout->label, row_top(layout, row) + below, LABEL_DOT, text, colour);
    }
}

void sheet_title(struct sheet *sheet, int line, const char *text)
{
    draw_text(sheet, LINE_DOT, sheet->image.width, line * LINE_PIXELS + LINE_DOT, LINE_DOT, text, black);
}

/* A line over or below pictures. */
static void draw_line(struct sheet *sheet, int column, int columns, int top, const char *text,
                      const uint8_t colour[3])
{
    const int right = column_left(&sheet->layout, column + columns - 1) + sheet->layout.side;
    draw_text(sheet, column_left(&sheet->layout, column), right, top + LINE_DOT, LINE_DOT, text, colour);
}

void sheet_heading(struct sheet *sheet, int column, int columns, const char *text)
{
    draw_line(sheet, column, columns, (sheet->layout.titles - 1) * LINE_PIXELS, text, black);
}

void sheet_caption(struct sheet *sheet, int row, int column, int columns, const char *text,
                   const uint8_t colour[3])
{
    draw_line(sheet, column, columns, row_top(&sheet->layout, row) + sheet->layout.side, text, colour);
}

enum status sheet_write(const struct sheet *sheet, const char *path, struct error *error)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    enum status status = image_encode(&sheet->image, IMAGE_PNG, 0, &bytes, &size, error);
    if (status == STATUS_OK) {
        status = file_write_atomic(path, bytes, size, error);
    }
    free(bytes);
    return status;
}
