#include "shard/name_list.h"

#include "proto/file.h"

#include <stdlib.h>
#include <string.h>

bool name_list_add(struct name_list *list, const char *name)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity == 0 ? 16 : list->capacity * 2;
        char **larger = realloc(list->names, capacity * sizeof *larger);
        if (!larger) {
            return false;
        }
        list->names = larger;
        list->capacity = capacity;
    }
    list->names[list->count] = strdup(name);
    return list->names[list->count] && ++list->count > 0;
}

static int compare(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

void name_list_sort(struct name_list *list)
{
    if (list->count > 1) {
        qsort(list->names, list->count, sizeof *list->names, compare);
    }
}

bool name_list_has(const struct name_list *list, const char *name)
{
    return list->count > 0 && bsearch(&name, list->names, list->count, sizeof name, compare);
}

void name_list_free(struct name_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->names[i]);
    }
    free(list->names);
    *list = (struct name_list){0};
}

enum status name_list_read(const char *path, struct name_list *list, struct error *error)
{
    char *text, *rest;
    size_t size;
    if (!path) {
        return STATUS_OK;
    }
    enum status status = file_read(path, (size_t)1 << 30, &text, &size, error);
    if (status != STATUS_OK) {
        return status;
    }
    for (char *line = strtok_r(text, "\r\n", &rest); line && status == STATUS_OK;
         line = strtok_r(NULL, "\r\n", &rest)) {
        if (!name_list_add(list, line)) {
            status = error_no_memory(error, path);
        }
    }
    free(text);
    name_list_sort(list);
    return status;
}

enum status name_filter_read(const char *include, const char *exclude, struct name_filter *filter,
                             struct error *error)
{
    *filter = (struct name_filter){.include = include, .exclude = exclude};
    enum status status = name_list_read(include, &filter->included, error);
    if (status == STATUS_OK) {
        status = name_list_read(exclude, &filter->excluded, error);
    }
    return status;
}

bool name_filter_takes(const struct name_filter *filter, const char *name)
{
    return (!filter->include || name_list_has(&filter->included, name)) &&
           !name_list_has(&filter->excluded, name);
}

enum status name_filter_check(const struct name_filter *filter, const struct name_list *names,
                              const char *source, struct error *error)
{
    for (size_t i = 0; i < filter->included.count; i++) {
        if (!name_list_has(names, filter->included.names[i])) {
            return error_set(error, STATUS_DATA, filter->include, "correct the list",
                             "identity '%.100s' is not in %.300s", filter->included.names[i], source);
        }
    }
    return STATUS_OK;
}

void name_filter_free(struct name_filter *filter)
{
    name_list_free(&filter->included);
    name_list_free(&filter->excluded);
}
