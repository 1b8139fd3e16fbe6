/* The table of what is left out of datasets: `dail overlap --within` writes it, people edit it, and data.exclude and
 * `dail pack --exclude` take it. TSV for any number of datasets, under a header that begins with EXCLUSION_HEADER:
 *
 *   dataset identity image reason ... verdict
 *
 * An empty image is all of the identity's. An image is called as `dail embed` calls it: of a folder by its path within the
 * identity's folder; of a packed dataset, which keeps no names, "<shard's file>:<number in it>". The reason and further
 * columns are for people. The column of the name `verdict`, which may be missing, has a person's word: empty and
 * `accept` leave out, `reject` and `unsure` leave in.
 */
#ifndef DAIL_SHARD_LIST_EXCLUSION_TABLE_H
#define DAIL_SHARD_LIST_EXCLUSION_TABLE_H

#include "proto/error.h"
#include "shard/list/line_reader.h"

#include <stdbool.h>

#define EXCLUSION_HEADER "dataset\tidentity\timage\treason"

enum exclusion_verdict { EXCLUSION_UNJUDGED, EXCLUSION_ACCEPTED, EXCLUSION_REJECTED, EXCLUSION_UNSURE };

struct exclusion_columns {
    int verdict; /* its place from 0; 0: there is none */
};

struct exclusion_row {
    const char *dataset, *identity, *image; /* into the line */
    enum exclusion_verdict verdict;
};

/* Whether a line, a file's first, is the header; then where its columns are. */
bool exclusion_header(const char *line, struct exclusion_columns *columns);

/* A line that the reader gave, which is cut at its tabs. STATUS_DATA without a dataset or an identity, and for a word that
 * is no verdict. */
enum status exclusion_row_read(const struct exclusion_columns *columns, const struct line_reader *reader,
                               char *line, struct exclusion_row *row, struct error *error);

static inline bool exclusion_row_holds(const struct exclusion_row *row)
{
    return row->verdict == EXCLUSION_UNJUDGED || row->verdict == EXCLUSION_ACCEPTED;
}

/* How a verdict is written. */
const char *exclusion_word(enum exclusion_verdict verdict);

#endif
