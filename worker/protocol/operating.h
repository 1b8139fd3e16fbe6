/* Operating points of 1:1 comparison over one ROC curve, without folds: TAR at FAR, as IJB-B and IJB-C report it.
 */
#ifndef DAIL_WORKER_PROTOCOL_OPERATING_H
#define DAIL_WORKER_PROTOCOL_OPERATING_H

#include "worker/evaluate/bootstrap.h"

#define OPERATING_FARS 6

/* 1e-6 to 1e-1 */
extern const double operating_fars[OPERATING_FARS];

enum operating_figure {
    OPERATING_AUC,
    OPERATING_EER,
    OPERATING_TAR,
    OPERATING_FIGURES = OPERATING_TAR + OPERATING_FARS
};

struct operating {
    double figure
        [OPERATING_FIGURES]; /* TAR: the highest whose FAR is not above; NaN: fewer than 1/far different pairs */
    double threshold[OPERATING_FARS]; /* accepted is a score that is not below; infinite: none is */
    uint32_t people; /* of whom draws were made; 0: there are no intervals */
    struct interval interval[OPERATING_FIGURES];
};

/* score, same [pairs]; pair [pairs][2]: items, of which there are so many, and whose people are found by people_join; weights of
 * a draw as bootstrap_weigh's. STATUS_DATA without pairs of both kinds. */
enum status operating_judge(const double *score, const uint8_t *same, const uint32_t *pair, size_t pairs,
                            size_t items, const struct bootstrap *bootstrap, struct operating *result,
                            struct error *error);

#endif
