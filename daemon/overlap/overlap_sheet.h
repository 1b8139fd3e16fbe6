/* The contact sheet of `dail overlap`: a row for each pair of identities, faces of one beside faces of the
 * other.
 */
#ifndef DAIL_DAEMON_OVERLAP_OVERLAP_SHEET_H
#define DAIL_DAEMON_OVERLAP_OVERLAP_SHEET_H

#include "daemon/overlap/checkpoint_data.h"
#include "worker/evaluate/overlap.h"

#define OVERLAP_SHEET_PAIRS_MAX 128
#define OVERLAP_SHEET_FACES_MAX 16

struct overlap_sheet {
    const char *title;
    const struct overlap_pair *pairs; /* `cosine` is the figure that stands beside each */
    const bool *right; /* as many: whether each is known to be one person; NULL: that is not known */
};

/* Draws the first `count` pairs as PNG, up to `faces` pictures of each identity. Left of each row stand its number,
 * counted from 1, and its figure; below it the datasets and identities; green where the pair is known to be the same
 * person, red where not, black without such knowledge. STATUS_DATA where one of the datasets has no manifest or images
 * are damaged. */
enum status overlap_sheet_write(const char *path, const struct checkpoint_data *data, size_t datasets,
                                const struct overlap_sheet *drawn, size_t count, int faces,
                                struct error *error);

#endif
