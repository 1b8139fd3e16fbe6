/* Contact sheets: pictures of one size in rows, for people to look at.
 */
#ifndef DAIL_SHARD_IMAGE_SHEET_H
#define DAIL_SHARD_IMAGE_SHEET_H

#include "shard/image/image.h"

struct sheet_layout {
    int columns, rows, side; /* pictures across and down; pixels of one's side */
    int label; /* pixels left of the pictures, for sheet_label */
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

/* Writes digits, dots and minus signs left of a row: line 0 at its top, further ones below; characters that
 * do not fit are left out. */
void sheet_label(struct sheet *sheet, int row, int line, const char *text, const uint8_t colour[3]);

/* Writes the sheet as PNG: whole or not at all. */
enum status sheet_write(const struct sheet *sheet, const char *path, struct error *error);

#endif
