#include "shard/identity/overlap_list.h"

#include "proto/file.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIST_BYTES_MAX ((size_t)1 << 32)
#define UTF8_MARK "\xEF\xBB\xBF"

/* Which fields hold what is read after the fourth; 0: none. */
struct columns {
    int probability, verdict;
};

/* Ends the line that begins at `line` in place; the one after it, or NULL. */
static char *end_line(char *line)
{
    char *next = strchr(line, '\n');
    if (next) {
        *next++ = 0;
    }
    line[strcspn(line, "\r")] = 0;
    return next;
}

/* Ends the field that begins at *line in place and moves on to the next one, or to NULL. */
static char *next_field(char **line)
{
    char *field = *line;
    *line = strchr(field, '\t');
    if (*line) {
        *(*line)++ = 0;
    }
    return field;
}

static struct columns read_header(char *line)
{
    struct columns columns = {0};
    for (int i = 0; line; i++) {
        const char *name = next_field(&line);
        columns.probability = strcmp(name, "probability") == 0 ? i : columns.probability;
        columns.verdict = strcmp(name, "verdict") == 0 ? i : columns.verdict;
    }
    return columns;
}

static bool read_probability(const char *field, double *probability)
{
    char *end;
    *probability = strtod(field, &end);
    return end != field && *end == 0 && *probability >= 0 && *probability <= 1;
}

static bool read_verdict(const char *field, enum overlap_verdict *verdict)
{
    static const char *const words[] = {
        [OVERLAP_UNJUDGED] = "", [OVERLAP_ACCEPTED] = "accept", [OVERLAP_REJECTED] = "reject"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(field, words[i]) == 0) {
            *verdict = (enum overlap_verdict)i;
            return true;
        }
    }
    return false;
}

/* NULL, or what is wrong with the line. */
static const char *read_row(char *line, const struct columns *columns, struct overlap_list_row *row)
{
    int fields = 0;
    row->probability = 1;
    for (; line; fields++) {
        const char *field = next_field(&line);
        if (fields < 4) {
            *(fields % 2 == 0 ? &row->dataset[fields / 2] : &row->identity[fields / 2]) = field;
            if (*field == 0) {
                return "dataset, identity, dataset, identity are expected, and one of them is empty";
            }
        } else if (fields == columns->probability && !read_probability(field, &row->probability)) {
            return "a probability from 0 to 1 is expected";
        } else if (fields == columns->verdict && !read_verdict(field, &row->verdict)) {
            return "the verdict is none of accept, reject and empty";
        }
    }
    return fields < 4 ? "dataset, identity, dataset, identity are expected, with a tab between them" : NULL;
}

static size_t count_lines(const char *text)
{
    size_t count = 1;
    for (; *text; text++) {
        count += *text == '\n';
    }
    return count;
}

enum status overlap_list_read(const char *path, struct overlap_list *list, struct error *error)
{
    size_t size;
    struct columns columns = {0};
    *list = (struct overlap_list){0};
    enum status status = file_read(path, LIST_BYTES_MAX, &list->text, &size, error);
    if (status != STATUS_OK) {
        return status;
    }
    list->rows = calloc(count_lines(list->text), sizeof *list->rows);
    if (!list->rows) {
        return error_no_memory(error, path);
    }
    bool marked = strncmp(list->text, UTF8_MARK, strlen(UTF8_MARK)) == 0;
    char *next;
    size_t number = 1;
    for (char *line = list->text + (marked ? strlen(UTF8_MARK) : 0); line; line = next, number++) {
        next = end_line(line);
        if (number == 1 && strncmp(line, OVERLAP_LIST_HEADER, strlen(OVERLAP_LIST_HEADER)) == 0) {
            columns = read_header(line);
            continue;
        }
        if (*line == 0) {
            continue;
        }
        struct overlap_list_row *row = &list->rows[list->count];
        const char *wrong = read_row(line, &columns, row);
        if (wrong) {
            char where[1100];
            snprintf(where, sizeof where, "%s:%zu", path, number);
            return error_set(error, STATUS_DATA, where, "correct the list", "%s", wrong);
        }
        row->line = number;
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
