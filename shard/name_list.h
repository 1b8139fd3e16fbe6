/* A growing list of names, sorted to be searched. Private to shard/. */
#ifndef DAIL_SHARD_NAME_LIST_H
#define DAIL_SHARD_NAME_LIST_H

#include "proto/error.h"

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

/* The lines of a file, sorted; an empty list where `path` is NULL. STATUS_DATA if it cannot be read. */
enum status name_list_read(const char *path, struct name_list *list, struct error *error);

/* Which identities are imported. */
struct name_filter {
    const char *include; /* file of names: only these, and each must be there; or NULL */
    const char *exclude; /* likewise: none of these; or NULL */
    struct name_list included, excluded;
};

/* Reads both files. Free it in any case. */
enum status name_filter_read(const char *include, const char *exclude, struct name_filter *filter,
                             struct error *error);
bool name_filter_takes(const struct name_filter *filter, const char *name);
/* STATUS_DATA if one to be included is not among `names` (sorted), those of `source`. */
enum status name_filter_check(const struct name_filter *filter, const struct name_list *names,
                              const char *source, struct error *error);
void name_filter_free(struct name_filter *filter);

#endif
