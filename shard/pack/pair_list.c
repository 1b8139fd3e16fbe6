#include "shard/pack/pair_list.h"

#include "shard/image/image_format.h"
#include "shard/list/line_reader.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIELDS_MAX 5
#define FOLDS_MAX 256

struct reader {
    struct line_reader lines;
    size_t capacity; /* of the list's pairs */
    struct pair_list *list;
};

static enum status bad_line(const struct reader *reader, struct error *error, const char *what)
{
    return line_reader_refuse(&reader->lines, error, "correct the list", "%s", what);
}

/* The next line, cut in fields at tabs (where it has one) or blanks; *count is 0 at the end of the text, above
 * FIELDS_MAX for a line of more. */
static enum status next_line(struct reader *reader, char *fields[FIELDS_MAX], size_t *count,
                             struct error *error)
{
    char *line, *mark;
    *count = 0;
    enum status status = line_reader_next(&reader->lines, &line, error);
    if (status != STATUS_OK || !line) {
        return status;
    }
    const char *cut = strchr(line, '\t') ? "\t" : " ";
    for (char *field = strtok_r(line, cut, &mark); field; field = strtok_r(NULL, cut, &mark)) {
        if (*count < FIELDS_MAX) {
            fields[*count] = field;
        }
        (*count)++;
    }
    return STATUS_OK;
}

static bool number(const char *text, int most, int *value)
{
    char *end;
    errno = 0;
    long parsed = strtol(text, &end, 10);
    *value = (int)parsed;
    return text[0] >= '0' && text[0] <= '9' && *end == 0 && errno == 0 && parsed <= most;
}

static enum status add(struct reader *reader, char *first, char *second, int fold, bool same,
                       struct error *error)
{
    struct pair_list *list = reader->list;
    if (list->count == reader->capacity) {
        size_t capacity = reader->capacity == 0 ? 1024 : reader->capacity * 2;
        struct pair_list_pair *larger = realloc(list->pairs, capacity * sizeof *larger);
        if (!larger) {
            return error_no_memory(error, reader->lines.path);
        }
        list->pairs = larger;
        reader->capacity = capacity;
    }
    struct pair_list_pair *pair = &list->pairs[list->count];
    *pair = (struct pair_list_pair){{strdup(first), strdup(second)}, fold, same};
    list->count++;
    return !pair->image[0] || !pair->image[1] ? error_no_memory(error, reader->lines.path) : STATUS_OK;
}

/* --- LFW --- */

static enum status lfw_pair(struct reader *reader, char **fields, size_t count, int fold, bool same,
                            struct error *error)
{
    char first[512], second[512];
    int a, b;
    if (count != (same ? 3u : 4u)) {
        return bad_line(reader, error,
                        same ? "a pair of one person is expected: name, number, number"
                             : "a pair of two people is expected: name, number, name, number");
    }
    const char *other = fields[same ? 0 : 2];
    if (!number(fields[1], 9999999, &a) || !number(fields[same ? 2 : 3], 9999999, &b)) {
        return bad_line(reader, error, "the number of an image is expected after a name");
    }
    int lengths[2] = {snprintf(first, sizeof first, "%s/%s_%04d.jpg", fields[0], fields[0], a),
                      snprintf(second, sizeof second, "%s/%s_%04d.jpg", other, other, b)};
    if (lengths[0] >= (int)sizeof first || lengths[1] >= (int)sizeof second) {
        return bad_line(reader, error, "the name is too long");
    }
    return add(reader, first, second, fold, same, error);
}

static enum status read_lfw(struct reader *reader, int folds, int pairs, struct error *error)
{
    char *fields[FIELDS_MAX];
    size_t count = 0;
    enum status status = STATUS_OK;
    reader->list->first_fold = 1;
    reader->list->any_ending = true;
    for (int fold = 1; fold <= folds; fold++) {
        for (int i = 0; i < 2 * pairs && status == STATUS_OK; i++) {
            status = next_line(reader, fields, &count, error);
            if (status == STATUS_OK && count == 0) {
                return bad_line(reader, error,
                                "the list ends before all the pairs that its first line tells");
            }
            if (status == STATUS_OK) {
                status = lfw_pair(reader, fields, count, fold, i < pairs, error);
            }
        }
    }
    if (status == STATUS_OK) {
        status = next_line(reader, fields, &count, error);
    }
    return status != STATUS_OK || count == 0
               ? status
               : bad_line(reader, error, "there are more pairs than the first line tells");
}

/* --- TSV --- */

/* Names of columns: no fold before them, no verdict behind, and no image between. A slip in a first line is none. */
static bool is_header(char **fields, size_t count)
{
    int value;
    return count == 4 && !number(fields[0], INT_MAX, &value) && !number(fields[3], INT_MAX, &value) &&
           !image_format_of_name(fields[1]) && !image_format_of_name(fields[2]);
}

static enum status read_tsv(struct reader *reader, char **fields, size_t count, struct error *error)
{
    int fold, same;
    enum status status = STATUS_OK;
    if (is_header(fields, count)) {
        status = next_line(reader, fields, &count, error);
    }
    reader->list->first_fold = 1;
    while (status == STATUS_OK && count > 0) {
        if (count != 4 || !number(fields[0], FOLDS_MAX, &fold) || !number(fields[3], 1, &same)) {
            return bad_line(reader, error, "fold, image, image, same (0 or 1) are expected");
        }
        if (fold == 0) {
            reader->list->first_fold = 0;
        }
        status = add(reader, fields[1], fields[2], fold, same == 1, error);
        if (status == STATUS_OK) {
            status = next_line(reader, fields, &count, error);
        }
    }
    return status;
}

/* --- Either --- */

static enum status read_any(struct reader *reader, struct error *error)
{
    char *fields[FIELDS_MAX];
    size_t count;
    int folds = 1, pairs;
    enum status status = next_line(reader, fields, &count, error);
    if (status != STATUS_OK) {
        return status;
    }
    if (count == 0) {
        return bad_line(reader, error, "the list is empty");
    }
    if (count > 2) {
        return read_tsv(reader, fields, count, error);
    }
    if (!number(fields[count - 1], 1 << 24, &pairs) ||
        (count == 2 && !number(fields[0], FOLDS_MAX, &folds))) {
        return bad_line(reader, error,
                        "neither LFW's '10 300' nor four columns fold, image, image, same are there");
    }
    return read_lfw(reader, folds, pairs, error);
}

enum status pair_list_read(const char *path, struct pair_list *list, struct error *error)
{
    struct reader reader = {.list = list};
    *list = (struct pair_list){0};
    enum status status = line_reader_open(&reader.lines, path, error);
    if (status == STATUS_OK) {
        status = read_any(&reader, error);
    }
    for (size_t i = 0; i < list->count && status == STATUS_OK; i++) {
        if (list->pairs[i].fold - list->first_fold > 255) {
            status = error_set(error, STATUS_DATA, path, "correct the list", "a fold is numbered %d",
                               list->pairs[i].fold);
        }
    }
    if (status == STATUS_OK && list->count == 0) {
        status = error_set(error, STATUS_DATA, path, "correct the list", "there is no pair in the list");
    }
    line_reader_close(&reader.lines);
    if (status != STATUS_OK) {
        pair_list_free(list);
    }
    return status;
}

void pair_list_free(struct pair_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->pairs[i].image[0]);
        free(list->pairs[i].image[1]);
    }
    free(list->pairs);
    *list = (struct pair_list){0};
}
