/* What is wrong within a dataset: one person under two labels, strangers in a class, images that are there twice. Told from
 * files of embeddings.
 */
#ifndef DAIL_DAEMON_OVERLAP_OVERLAP_WITHIN_H
#define DAIL_DAEMON_OVERLAP_OVERLAP_WITHIN_H

#include "daemon/overlap/overlap_judge.h"
#include "worker/evaluate/embeddings_file.h"

#include <stdio.h>

enum within_kind { WITHIN_TWIN, WITHIN_STRANGER, WITHIN_DUPLICATE };

struct within_finding {
    enum within_kind kind;
    uint32_t class[2]; /* both the same but for a twin */
    uint64_t image[2]; /* rows: of a stranger the first, of a duplicate both */
    double cosine; /* of the centres; of the image and the others' centre; of the images */
    double probability; /* of a twin, that the two are one person */
};

struct within {
    struct within_finding *found; /* [count]: twins, then strangers, then duplicates, each the surest first */
    size_t count;
    size_t kinds[WITHIN_DUPLICATE + 1]; /* how many of each */
    bool twins_known; /* whether the probabilities are to be trusted */
    double least; /* the cosine below which an image is a stranger */
};

/* Looks through one file. A twin is a pair of at least min_probability by the judge, to whom the dataset is two of the
 * same classes. A stranger's cosine with the centre of its class's other images is below the median of all by
 * WITHIN_DEVIATIONS times their spread (median absolute deviation); classes of three images or more are looked at. A
 * duplicate is two images of a class of at least duplicate_cosine. The caller calls within_free in any case. */
#define WITHIN_DEVIATIONS 6.0
enum status within_find(const struct embeddings_file *file, double min_probability, double duplicate_cosine,
                        int threads, struct within *within, struct error *error);
void within_free(struct within *within);

/* Rows of a table: dataset, kind, identity, other (identity or image), image, cosine, probability. */
#define WITHIN_HEADER "dataset\tkind\tidentity\timage\tother\tcosine\tprobability"
void within_print(const struct within *within, const struct embeddings_file *file, const char *dataset,
                  FILE *out);

#endif
