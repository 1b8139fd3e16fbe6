/* What is wrong within a dataset: one person under two labels, strangers in a class, images that are there twice. Told from
 * files of embeddings.
 */
#ifndef DAIL_DAEMON_OVERLAP_OVERLAP_WITHIN_H
#define DAIL_DAEMON_OVERLAP_OVERLAP_WITHIN_H

#include "daemon/overlap/overlap_judge.h"
#include "worker/evaluate/embeddings_file.h"

enum within_kind { WITHIN_TWIN, WITHIN_STRANGER, WITHIN_DUPLICATE };

struct within_finding {
    enum within_kind kind;
    uint32_t class[2]; /* whose images are to be left out, and the twin that stays; else both the same */
    uint64_t image[2]; /* rows: that is to be left out, and the duplicate that stays */
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
 * duplicate is two images of a class of at least duplicate_cosine. Of twins the class of fewer images is to be left out, of
 * duplicates the later one, so that one of each person and image stays. The caller calls within_free in any case. */
#define WITHIN_DEVIATIONS 6.0
enum status within_find(const struct embeddings_file *file, double min_probability, double duplicate_cosine,
                        int threads, struct within *within, struct error *error);
void within_free(struct within *within);

#endif
