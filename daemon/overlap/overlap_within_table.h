/* The table of what is wrong within datasets: that of shard/list/exclusion_table.h, which data.exclude and `dail pack
 * --exclude` take, a row for each finding, with these columns behind the reason:
 *
 *   other cosine probability verdict
 *
 * Other is who or what stays: a twin's name, a duplicate's image. A person's verdicts stay when the table is written again.
 */
#ifndef DAIL_DAEMON_OVERLAP_OVERLAP_WITHIN_TABLE_H
#define DAIL_DAEMON_OVERLAP_OVERLAP_WITHIN_TABLE_H

#include "daemon/overlap/overlap_within.h"

#include <stdio.h>

/* The rows that a person accepted or rejected in the table before. */
struct within_verdicts {
    struct within_verdict {
        char *key; /* the row up to `other` */
        char *line; /* the row */
        bool accepted, found; /* found: in this table too */
    } * rows; /* [count], by key */
    size_t count, capacity;
};

/* Of the table at `path`; none where there is no file, or another. STATUS_DATA where it cannot be read. The caller calls
 * within_verdicts_free in any case. */
enum status within_verdicts_read(const char *path, struct within_verdicts *verdicts, struct error *error);
void within_verdicts_free(struct within_verdicts *verdicts);

void within_print_header(FILE *out);
/* The findings. Twins who cannot be told from chance are `unsure` until a person says more. */
void within_print(const struct within *within, const struct embeddings_file *file, const char *dataset,
                  struct within_verdicts *verdicts, FILE *out);
/* Verdicts on what was not found this time, as they stood. */
void within_print_kept(const struct within_verdicts *verdicts, FILE *out);

#endif
