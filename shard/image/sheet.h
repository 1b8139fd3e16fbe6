/* Contact sheets: pictures of one size in rows, for people to look at.
 */
#ifndef DAIL_SHARD_IMAGE_SHEET_H
#define DAIL_SHARD_IMAGE_SHEET_H

#include "shard/image/image.h"

#include <stdbool.h>

struct sheet_layout {
    int columns, rows, side; /* pictures across and down; pixels of one's side */
    int label; /* pixels left of the pictures, for sheet_label */
    int titles; /* lines above all, for sheet_title, the last of them for sheet_heading */
    bool captions; /* a line below every row, for sheet_caption */
    int group, gap; /* a gap of so many pixels after every `group` columns, and below every row */
};

struct sheet {
    struct sheet_layout layout;
    struct image image; /* white at first */
};

/* STATUS_USAGE if the sheet is larger than an image may be, STATUS_INTERNAL without memory. */
enum status sheet_create(const struct sheet_layout *layout, struct sheet *sheet, struct error *error);
void sheet_free(struct sheet *sheet);

/* pixels[side * side * 3] */
void sheet_put(struct sheet *sheet, int column, int row, const uint8_t *pixels);

/* --- Text: letters, as capitals, digits and common signs; others are question marks. What does not fit is cut,
 * and two dots say so. --- */

/* Left of a row: line 0 at its top, further ones below, as many as its pictures are high. */
void sheet_label(struct sheet *sheet, int row, int line, const char *text, const uint8_t colour[3]);

/* Above everything: one of the layout's lines. */
void sheet_title(struct sheet *sheet, int line, const char *text);

/* In the last of the title's lines, over `columns` pictures from `column` on. */
void sheet_heading(struct sheet *sheet, int column, int columns, const char *text);

/* Below `columns` pictures of a row, from `column` on. */
void sheet_caption(struct sheet *sheet, int row, int column, int columns, const char *text,
                   const uint8_t colour[3]);

/* Writes the sheet as PNG: whole or not at all. */
enum status sheet_write(const struct sheet *sheet, const char *path, struct error *error);

#endif
