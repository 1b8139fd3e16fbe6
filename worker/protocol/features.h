/* Embeddings to be compared, with the people that they are of: from a file of `dail embed`, or from memory.
 */
#ifndef DAIL_WORKER_PROTOCOL_FEATURES_H
#define DAIL_WORKER_PROTOCOL_FEATURES_H

#include "worker/evaluate/embeddings_file.h"

#include <stdbool.h>

#define FEATURES_NOBODY UINT32_MAX

struct features {
    char path[1024]; /* of the file, or of the images */
    size_t rows, width;
    uint32_t *label; /* [rows]; NULL: whom they show is not told */
    uint32_t classes; /* labels are below */
    char **identities; /* [classes], or NULL where they have no names */
    float *values; /* [rows][width]; NULL: they stay in the file */
    struct embeddings_file file; /* private */
};

/* STATUS_DATA for a file that is none of embeddings. The caller calls features_close in any case. */
enum status features_open(const char *path, struct features *features, struct error *error);
void features_close(struct features *features);

/* values [count][width]: rows begin..begin+count-1. STATUS_DATA names the first that is not finite. */
enum status features_read(const struct features *features, size_t begin, size_t count, float *values,
                          struct error *error);

/* One number for each person of both: by names, or where neither has any by labels. a_person [a->rows] and b_person
 * [b->rows]; people who are in b alone have numbers of their own. STATUS_DATA where one of them has no labels, or one
 * alone has names. */
enum status features_match(const struct features *a, const struct features *b, uint32_t *a_person,
                           uint32_t *b_person, struct error *error);

#endif
