/* Which identities and images are imported: lists of those that are to be in and of those that are not. Private to shard/.
 *
 * A line is the name of an identity or, where images are left out, <identity>/<image> as the source calls them. A list of
 * those to leave out may also be a table for many datasets (shard/list/exclusion_table.h), of which rows of other datasets
 * are passed over. */
#ifndef DAIL_SHARD_NAME_FILTER_H
#define DAIL_SHARD_NAME_FILTER_H

#include "proto/error.h"
#include "shard/left_out.h"
#include "shard/name_list.h"

/* What one file names. */
struct filter_list {
    const char *path; /* the caller's; NULL: there is none */
    struct filter_line {
        char *name;
        size_t line; /* number */
        bool found; /* of an image: the source has it */
    } * lines; /* [count], by name */
    size_t count, capacity;
};

struct name_filter {
    struct filter_list included, excluded, images; /* images that are excluded, as <identity>/<image> */
    bool of_dataset; /* a table has rows of the dataset */
};

/* Reads both files; either may be NULL. Of a table the rows of `dataset` are taken; STATUS_DATA where it has none. Free it
 * in any case. */
enum status name_filter_read(const char *include, const char *exclude, const char *dataset,
                             struct name_filter *filter, struct error *error);
bool name_filter_takes(const struct name_filter *filter, const char *name);
/* Why it does not take one. */
enum left_out_reason name_filter_reason(const struct name_filter *filter, const char *name);
/* Whether an image of an identity that is taken is taken too. */
bool name_filter_takes_image(struct name_filter *filter, const char *identity, const char *image);
/* Once every image was asked for: STATUS_DATA names the first that is excluded and that `source` does not have. */
enum status name_filter_check_images(const struct name_filter *filter, const char *source,
                                     struct error *error);
/* Every identity of either file must be one of `names` (sorted), those of `source`: a slip would leave a person in who is to
 * be out. STATUS_DATA names the first line that is none, and the nearest name. */
enum status name_filter_check(const struct name_filter *filter, const struct name_list *names,
                              const char *source, struct error *error);
void name_filter_free(struct name_filter *filter);

#endif
