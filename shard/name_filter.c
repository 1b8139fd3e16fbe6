#include "shard/name_filter.h"

#include "proto/file.h"
#include "proto/text.h"
#include "shard/line_reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int compare(const void *left, const void *right)
{
    const struct filter_line *a = left, *b = right;
    return strcmp(a->name, b->name);
}

static bool add(struct filter_list *list, const char *name, size_t line)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity == 0 ? 16 : list->capacity * 2;
        struct filter_line *larger = realloc(list->lines, capacity * sizeof *larger);
        if (!larger) {
            return false;
        }
        list->lines = larger;
        list->capacity = capacity;
    }
    list->lines[list->count] = (struct filter_line){strdup(name), line};
    return list->lines[list->count].name && ++list->count > 0;
}

static enum status read_list(const char *path, struct filter_list *list, struct error *error)
{
    struct line_reader reader = {0};
    char *line;
    *list = (struct filter_list){.path = path};
    if (!path) {
        return STATUS_OK;
    }
    enum status status = line_reader_open(&reader, path, error);
    while (status == STATUS_OK) {
        status = line_reader_next(&reader, &line, error);
        if (status != STATUS_OK || !line) {
            break;
        }
        status = add(list, line, reader.number) ? STATUS_OK : error_no_memory(error, path);
    }
    line_reader_close(&reader);
    if (list->count > 1) {
        qsort(list->lines, list->count, sizeof *list->lines, compare);
    }
    return status;
}

enum status name_filter_read(const char *include, const char *exclude, struct name_filter *filter,
                             struct error *error)
{
    *filter = (struct name_filter){{0}, {0}};
    enum status status = read_list(include, &filter->included, error);
    return status == STATUS_OK ? read_list(exclude, &filter->excluded, error) : status;
}

static bool has(const struct filter_list *list, const char *name)
{
    const struct filter_line wanted = {.name = (char *)(uintptr_t)name};
    return list->count > 0 && bsearch(&wanted, list->lines, list->count, sizeof wanted, compare);
}

bool name_filter_takes(const struct name_filter *filter, const char *name)
{
    return (!filter->included.path || has(&filter->included, name)) && !has(&filter->excluded, name);
}

enum left_out_reason name_filter_reason(const struct name_filter *filter, const char *name)
{
    return has(&filter->excluded, name) ? LEFT_OUT_EXCLUDED : LEFT_OUT_NOT_INCLUDED;
}

static enum status check_list(const struct filter_list *list, const struct name_list *names,
                              const char *source, struct error *error)
{
    const struct filter_line *first = NULL;
    size_t unknown = 0;
    char where[PATH_SIZE + 32], others[64] = "", near[160] = "";
    for (size_t i = 0; i < list->count; i++) {
        if (!name_list_has(names, list->lines[i].name)) {
            first = !first || list->lines[i].line < first->line ? &list->lines[i] : first;
            unknown++;
        }
    }
    if (!first) {
        return STATUS_OK;
    }
    const char *nearest =
        text_nearest(first->name, (const char *const *)names->names, names->count, sizeof *names->names);
    if (nearest) {
        snprintf(near, sizeof near, "; the nearest is '%.100s'", nearest);
    }
    if (unknown > 1) {
        snprintf(others, sizeof others, ", nor is that of %zu other line%s", unknown - 1,
                 unknown > 2 ? "s" : "");
    }
    snprintf(where, sizeof where, "%s:%zu", list->path, first->line);
    return error_set(error, STATUS_DATA, where, "correct the list: one name a line, as the source has it",
                     "identity '%.100s' is not in %.300s%s%s", first->name, source, others, near);
}

enum status name_filter_check(const struct name_filter *filter, const struct name_list *names,
                              const char *source, struct error *error)
{
    enum status status = check_list(&filter->included, names, source, error);
    return status == STATUS_OK ? check_list(&filter->excluded, names, source, error) : status;
}

static void free_list(struct filter_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->lines[i].name);
    }
    free(list->lines);
    *list = (struct filter_list){0};
}

void name_filter_free(struct name_filter *filter)
{
    free_list(&filter->included);
    free_list(&filter->excluded);
}
