#include "shard/name_list.h"

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
