/* Files of curves: a table as .csv, or drawn by gnuplot as .svg.
 */
#ifndef DAIL_DAEMON_JUDGE_CURVE_FILE_H
#define DAIL_DAEMON_JUDGE_CURVE_FILE_H

#include "proto/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Bytes of a path in a title or a legend, and memory for them. */
#define CURVE_PATH_SHOWN 64
#define CURVE_PATH_SIZE (CURVE_PATH_SHOWN + 8)

/* Whether so many curves can be written to `path`: .csv, or .svg and at most PLOT_COLORS. STATUS_USAGE. */
enum status curve_file_check(const char *path, size_t curves, struct error *error);

bool curve_file_is_table(const char *path);

/* Prints a text as CSV wants those with commas or quotes. */
void curve_file_print_text(FILE *file, const char *text);

/* The end of a path, behind an ellipsis where it is long. */
void curve_file_shorten(const char *path, char text[CURVE_PATH_SIZE]);

#endif
