/* Which of the training's identities stand in a verification set: the people of the set as one dataset more. */
#ifndef DAIL_DAEMON_OVERLAP_OVERLAP_AGAINST_H
#define DAIL_DAEMON_OVERLAP_OVERLAP_AGAINST_H

#include "daemon/overlap/overlap_source.h"

struct overlap_against {
    size_t dataset; /* of the source: the set */
    uint32_t people; /* images that pairs of one person join, or one image alone */
    uint32_t *person; /* [images] */
    uint32_t images;
    uint64_t pairs;
    uint32_t *pair; /* [pairs][2] images */
};

/* Adds the set at `path` to the source as its last dataset, by the set's name: a verification set, embedded by the
 * source's network, or for files of embeddings such a file of a set, by the file's name. STATUS_DATA for another file. The caller
 * calls overlap_against_free in any case. */
enum status overlap_against_add(const struct overlap_source_options *options, const char *path,
                                struct overlap_source *source, struct overlap_against *against,
                                struct error *error);
void overlap_against_free(struct overlap_against *against);

/* How many of the set's pairs have a person of found[people]. */
uint64_t overlap_against_touched(const struct overlap_against *against, const bool *found);

#endif
