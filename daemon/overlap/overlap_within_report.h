/* What `dail overlap --within` tells: a table of twins, strangers and duplicates, and faces of the surest. */
#ifndef DAIL_DAEMON_OVERLAP_OVERLAP_WITHIN_REPORT_H
#define DAIL_DAEMON_OVERLAP_OVERLAP_WITHIN_REPORT_H

#include "proto/error.h"

#include <stddef.h>

struct within_request {
    const char *const *files; /* of embeddings, each of a dataset by itself */
    size_t count;
    const char *const *manifests; /* for faces, where the embedded source's is not there */
    size_t manifest_count;
    const char *output, *sheet; /* NULL: to stdout; none */
    int sheet_rows, sheet_faces;
    double min_probability, duplicate_cosine;
    int threads;
};

/* Looks through every file, and writes. A sheet is of one file: STATUS_USAGE. */
enum status within_report(const struct within_request *request, struct error *error);

#endif
