/* The contact sheet of `dail overlap`: a row for each pair of identities, faces of one beside faces of the
 * other.
 */
#ifndef DAIL_DAEMON_COMMAND_OVERLAP_SHEET_H
#define DAIL_DAEMON_COMMAND_OVERLAP_SHEET_H

#include "daemon/command/checkpoint_data.h"
#include "worker/evaluate/overlap.h"

#define OVERLAP_SHEET_PAIRS_MAX 128
#define OVERLAP_SHEET_FACES_MAX 16

/* Draws the first `count` pairs as PNG, up to `faces` pictures of each identity. Left of each row stand its
 * number, counted from 1 as the lines of the table are, and the cosine; below it the datasets and identities;
 * green where the pair is known to be the same person, red where not, black without such knowledge
 * (right [count] is NULL). STATUS_DATA where one of the datasets has no manifest or images are damaged. */
enum status overlap_sheet_write(const char *path, const struct checkpoint_data *data, size_t datasets,
                                const struct overlap_pair *pairs, const bool *right, size_t count, int faces,
                                struct error *error);

#endif
