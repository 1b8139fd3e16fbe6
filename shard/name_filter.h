/* Which identities are imported: lists of those who are to be in and of those who are not. Private to shard/. */
#ifndef DAIL_SHARD_NAME_FILTER_H
#define DAIL_SHARD_NAME_FILTER_H

#include "proto/error.h"
#include "shard/left_out.h"
#include "shard/name_list.h"

/* One of the two files: one name a line. */
struct filter_list {
    const char *path; /* the caller's; NULL: there is none */
    struct filter_line {
        char *name;
        size_t line; /* number */
    } * lines; /* [count], by name */
    size_t count, capacity;
};

struct name_filter {
    struct filter_list included, excluded;
};

/* Reads both files; either may be NULL. Free it in any case. */
enum status name_filter_read(const char *include, const char *exclude, struct name_filter *filter,
                             struct error *error);
bool name_filter_takes(const struct name_filter *filter, const char *name);
/* Why it does not take one. */
enum left_out_reason name_filter_reason(const struct name_filter *filter, const char *name);
/* Every line of either file must be one of `names` (sorted), those of `source`: a slip would leave a person in who is to
 * be out. STATUS_DATA names the first line that is none, and the nearest name. */
enum status name_filter_check(const struct name_filter *filter, const struct name_list *names,
                              const char *source, struct error *error);
void name_filter_free(struct name_filter *filter);

#endif
