#include "worker/evaluate/roc.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

/* Of drawn points. */
#define APART_FAR 0.01 /* decades */
#define APART_TAR 0.002

struct judged {
    double distance;
    bool same;
};

static int compare(const void *a, const void *b)
{
    double left = ((const struct judged *)a)->distance, right = ((const struct judged *)b)->distance;
    return (left > right) - (left < right);
}

/* Sorted pairs -> points; pairs of one distance make one. */
static void walk(const struct judged *judged, size_t pairs, size_t all_same, struct roc *roc)
{
    size_t same = 0;
    roc->count = 1;
    for (size_t i = 0; i < pairs; i++) {
        same += judged[i].same;
        if (i + 1 == pairs || judged[i + 1].distance > judged[i].distance) {
            roc->far[roc->count] = (double)(i + 1 - same) / (double)(pairs - all_same);
            roc->tar[roc->count] = (double)same / (double)all_same;
            roc->threshold[roc->count++] = judged[i].distance;
        }
    }
}

enum status roc_make(const double *distances, const uint8_t *same, size_t pairs, struct roc *roc,
                     struct error *error)
{
    size_t all_same = 0;
    *roc = (struct roc){0};
    for (size_t i = 0; i < pairs; i++) {
        all_same += same[i] != 0;
    }
    if (all_same == 0 || all_same == pairs) {
        return error_set(error, STATUS_DATA, NULL, "use a set with both kinds of pairs",
                         "a ROC curve needs same and different pairs");
    }
    struct judged *judged = malloc(pairs * sizeof *judged);
    roc->far = calloc(pairs + 1, sizeof(double));
    roc->tar = calloc(pairs + 1, sizeof(double));
    roc->threshold = calloc(pairs + 1, sizeof(double));
    if (!judged || !roc->far || !roc->tar || !roc->threshold) {
        free(judged);
        return error_no_memory(error, NULL);
    }
    for (size_t i = 0; i < pairs; i++) {
        judged[i] = (struct judged){distances[i], same[i] != 0};
    }
    qsort(judged, pairs, sizeof *judged, compare);
    walk(judged, pairs, all_same, roc);
    free(judged);
    return STATUS_OK;
}

void roc_free(struct roc *roc)
{
    free(roc->far);
    free(roc->tar);
    free(roc->threshold);
    *roc = (struct roc){0};
}

size_t roc_drawn(const struct roc *roc, double *far, double *tar)
{
    size_t count = 0;
    for (size_t i = 0; i < roc->count; i++) {
        bool apart = count == 0 || i + 1 == roc->count || log10(roc->far[i] / far[count - 1]) >= APART_FAR ||
                     roc->tar[i] - tar[count - 1] >= APART_TAR;
        if (roc->far[i] > 0 && apart) {
            far[count] = roc->far[i];
            tar[count++] = roc->tar[i];
        }
    }
    return count;
}
