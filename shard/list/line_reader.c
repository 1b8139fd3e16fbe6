#include "shard/list/line_reader.h"

#include "proto/file.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define BLANKS " \t\v\f"

enum status line_reader_open(struct line_reader *reader, const char *path, struct error *error)
{
    *reader = (struct line_reader){.path = path, .file = fopen(path, "re")};
    return reader->file ? STATUS_OK : file_data_error(error, path, errno);
}

void line_reader_close(struct line_reader *reader)
{
    if (reader->file) {
        fclose(reader->file);
    }
    free(reader->text);
    *reader = (struct line_reader){0};
}

enum status line_reader_refuse(const struct line_reader *reader, struct error *error, const char *next,
                               const char *format, ...)
{
    char where[PATH_SIZE + 32], what[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    snprintf(where, sizeof where, "%s:%zu", reader->path, reader->number);
    return error_set(error, STATUS_DATA, where, next, "%s", what);
}

/* Up to a line feed; NULL in reader->rest at the end of the file. */
static enum status read_piece(struct line_reader *reader, struct error *error)
{
    errno = 0;
    ssize_t size = getline(&reader->text, &reader->capacity, reader->file);
    reader->rest = NULL;
    if (size < 0) {
        return ferror(reader->file) || errno == ENOMEM ? file_data_error(error, reader->path, errno)
                                                       : STATUS_OK;
    }
    char *text = reader->text;
    if (reader->number == 0 && size >= 2 &&
        (memcmp(text, "\xff\xfe", 2) == 0 || memcmp(text, "\xfe\xff", 2) == 0)) {
        return error_set(error, STATUS_DATA, reader->path, "save it as UTF-8", "the text is UTF-16");
    }
    if (memchr(text, 0, (size_t)size)) {
        reader->number++;
        return line_reader_refuse(reader, error, "name a text file, saved as UTF-8",
                                  "a zero byte is in the line: this is no text");
    }
    if (size > 0 && text[size - 1] == '\n') {
        text[--size] = 0;
    }
    if (size > 0 && text[size - 1] == '\r') {
        text[--size] = 0;
    }
    reader->rest = reader->number == 0 && strncmp(text, "\xef\xbb\xbf", 3) == 0 ? text + 3 : text;
    return STATUS_OK;
}

enum status line_reader_next(struct line_reader *reader, char **line, struct error *error)
{
    for (;;) {
        enum status status = reader->rest ? STATUS_OK : read_piece(reader, error);
        *line = reader->rest;
        if (status != STATUS_OK || !*line) {
            return status;
        }
        char *end = *line + strcspn(*line, "\r");
        reader->rest = *end ? end + 1 : NULL;
        reader->number++;
        while (end > *line && strchr(BLANKS, end[-1])) {
            end--;
        }
        *end = 0;
        if (end > *line) {
            return STATUS_OK;
        }
    }
}
