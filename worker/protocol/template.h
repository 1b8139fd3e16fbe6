/* Templates: one vector of a person's images and videos, as IJB-B and IJB-C compare them (InsightFace's
 * recognition/_evaluation_/ijb): the mean of each media (the frames of a video are one), the sum over media, of length 1.
 */
#ifndef DAIL_WORKER_PROTOCOL_TEMPLATE_H
#define DAIL_WORKER_PROTOCOL_TEMPLATE_H

#include "worker/protocol/features.h"

/* How much an image counts in its media. */
enum template_weight {
    TEMPLATE_SCORE_NORM, /* by the detector's score and the norm of its embedding */
    TEMPLATE_SCORE, /* each of length 1, by the score */
    TEMPLATE_NORM,
    TEMPLATE_EQUAL
};

/* row [images]: which of the features an image's are. score, template, media [images]; templates are numbered from 0, and
 * each has an image. vector [templates][features->width]. STATUS_DATA for a value that is not finite. */
enum status template_pool(const struct features *features, const uint32_t *row, const float *score,
                          const uint32_t *template, const uint32_t *media, size_t images, size_t templates,
                          enum template_weight weight, double *vector, struct error *error);

/* score [pairs]: the cosines of pairs of templates. */
void template_compare(const double *vector, size_t width, const uint32_t *pair, size_t pairs, int threads,
                      double *score);

#endif
