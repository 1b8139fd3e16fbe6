/* A growing list of names, sorted to be searched. Private to shard/. */
#ifndef DAIL_SHARD_NAME_LIST_H
#define DAIL_SHARD_NAME_LIST_H

#include <stdbool.h>
#include <stddef.h>

/* Begin with {0}. */
struct name_list {
    char **names; /* [count], owned */
    size_t count, capacity;
};

/* Adds a copy; false where memory runs out. */
bool name_list_add(struct name_list *list, const char *name);
/* Byte by byte, so that the order depends on no locale. */
void name_list_sort(struct name_list *list);
/* In a sorted list. */
bool name_list_has(const struct name_list *list, const char *name);
void name_list_free(struct name_list *list);

#endif
