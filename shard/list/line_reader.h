/* Text files that people write, line by line: lists of identities, of pairs, of images, indexes. What editors and
 * spreadsheets put in is taken: a byte order mark, ends of lines of any system, blanks at an end of a line, empty lines.
 */
#ifndef DAIL_SHARD_LIST_LINE_READER_H
#define DAIL_SHARD_LIST_LINE_READER_H

#include "proto/error.h"

#include <stddef.h>
#include <stdio.h>

/* Begin with {0}. */
struct line_reader {
    const char *path; /* the caller's */
    size_t number; /* of the line that was read last, from 1 */
    FILE *file;
    char *text; /* what was read up to a line feed */
    size_t capacity;
    char *rest; /* of it, behind a carriage return that stands alone; or NULL */
};

/* STATUS_DATA where there is no such file. Close it in any case. */
enum status line_reader_open(struct line_reader *reader, const char *path, struct error *error);

/* The next line that is not empty, which the caller may change, until the next call; NULL at the end. STATUS_DATA for
 * what is no text (a zero byte; UTF-16, as PowerShell writes it) and where the system fails to read. */
enum status line_reader_next(struct line_reader *reader, char **line, struct error *error);

/* STATUS_DATA that names the line that was read last, and what to do next. */
enum status line_reader_refuse(const struct line_reader *reader, struct error *error, const char *next,
                               const char *format, ...) __attribute__((format(printf, 4, 5)));

void line_reader_close(struct line_reader *reader);

#endif
