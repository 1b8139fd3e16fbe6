#include "shard/overlap_list.h"

#include "proto/file.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIST_BYTES_MAX ((size_t)1 << 32)

/* Ends the line that begins at `line` in place; the one after it, or NULL. */
static char *end_line(char *line)
{
    char *next = strchr(line, '\n');
    if (next != NULL)
        *next++ = 0;
    line[strcspn(line, "\r")] = 0;
    return next;
}

static bool read_row(char *line, struct overlap_list_row *row)
{
    const char *fields[4];
    for (int i = 0; i < 4; i++) {
        if (line == NULL || *line == 0 || *line == '\t')
            return false;
        fields[i] = line;
        line = strchr(line, '\t');
        if (line != NULL)
            *line++ = 0;
    }
    *row = (struct overlap_list_row){{fields[0], fields[2]}, {fields[1], fields[3]}};
    return true;
}

static size_t count_lines(const char *text)
{
    size_t count = 1;
    for (; *text != 0; text++)
        count += *text == '\n';
    return count;
}

enum status overlap_list_read(const char *path, struct overlap_list *list, struct error *error)
{
    size_t size, number = 0;
    *list = (struct overlap_list){0};
    enum status status = file_read(path, LIST_BYTES_MAX, &list->text, &size, error);
    if (status != STATUS_OK)
        return status;
    list->rows = calloc(count_lines(list->text), sizeof *list->rows);
    if (list->rows == NULL)
        return error_set(error, STATUS_INTERNAL, path, NULL, "no memory for the list of overlaps");
    for (char *line = list->text, *next; line != NULL; line = next) {
        next = end_line(line);
        number++;
        const bool header =
            number == 1 && strncmp(line, OVERLAP_LIST_HEADER, strlen(OVERLAP_LIST_HEADER)) == 0;
        if (header || *line == 0)
            continue;
        if (!read_row(line, &list->rows[list->count])) {
            char where[1100];
            snprintf(where, sizeof where, "%s:%zu", path, number);
            return error_set(error, STATUS_DATA, where, "correct the list",
                             "dataset, identity, dataset, identity are expected, with a tab between them");
        }
        list->count++;
    }
    return STATUS_OK;
}

void overlap_list_free(struct overlap_list *list)
{
    free(list->rows);
    free(list->text);
    *list = (struct overlap_list){0};
}
