/* Thresholds are on a grid, so every pair is put into the bin of the first threshold that accepts it; sums of
 * bins per fold then give every count that the field's program gets by comparing every distance with every
 * threshold in every fold: the same integers, in one pass. */
#include "worker/evaluate/verification.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#define FOLDS_MADE 10
#define FOLDS_MAX 256
#define ACCURACY_STEPS 400 /* thresholds 0, 0.01, ... */
#define ACCURACY_STEP 0.01
#define FAR_STEPS 4000 /* thresholds 0, 0.001, ... */
#define FAR_STEP 0.001

static const double fars[3] = {1e-2, 1e-3, 1e-4};

/* Pairs by fold. */
struct folds {
    int count;
    uint8_t *of; /* [pairs]: from 0, without holes */
    size_t same[FOLDS_MAX], different[FOLDS_MAX]; /* pairs of each fold */
    size_t all_same, all_different;
};

/* How many pairs are accepted at each threshold, of each fold and of all together. */
struct counts {
    int steps;
    double step;
    size_t *same, *different; /* [folds + 1][steps]; the last row is the sum */
};

/* Folds as sklearn's KFold makes them: contiguous, the first count % 10 one pair longer. */
static void make_folds(struct folds *folds, size_t count)
{
    size_t begin = 0;
    folds->count = FOLDS_MADE;
    for (size_t k = 0; k < FOLDS_MADE; k++) {
        size_t end = begin + count / FOLDS_MADE + (k < count % FOLDS_MADE ? 1 : 0);
        for (size_t i = begin; i < end; i++) {
            folds->of[i] = (uint8_t)k;
        }
        begin = end;
    }
}

/* The set's own folds, numbered anew without holes. */
static void take_folds(struct folds *folds, const uint8_t *fold, size_t count)
{
    uint8_t number[FOLDS_MAX] = {0};
    for (size_t i = 0; i < count; i++) {
        number[fold[i]] = 1;
    }
    folds->count = 0;
    for (int k = 0; k < FOLDS_MAX; k++) {
        if (number[k]) {
            number[k] = (uint8_t)folds->count++;
        }
    }
    for (size_t i = 0; i < count; i++) {
        folds->of[i] = number[fold[i]];
    }
}

static enum status build_folds(struct folds *folds, const uint8_t *same, const uint8_t *fold, size_t count,
                               struct error *error)
{
    *folds = (struct folds){.of = malloc(count + 1)};
    if (!folds->of) {
        return error_no_memory(error, "verification");
    }
    take_folds(folds, fold, count);
    if (folds->count < 2) { /* nothing to find a threshold on */
        if (count < FOLDS_MADE) {
            return error_set(error, STATUS_DATA, NULL, "use a set of at least as many pairs as folds",
                             "%zu pairs cannot be split in %d folds", count, FOLDS_MADE);
        }
        make_folds(folds, count);
    }
    for (size_t i = 0; i < count; i++) {
        size_t *pairs = same[i] ? folds->same : folds->different;
        pairs[folds->of[i]]++;
        folds->all_same += same[i] != 0;
        folds->all_different += same[i] == 0;
    }
    if (folds->all_same == 0 || folds->all_different == 0) {
        return error_set(error, STATUS_DATA, NULL, "use a set with pairs of both kinds",
                         "all %zu pairs are of %s", count,
                         folds->all_same > 0 ? "the same person" : "different people");
    }
    return STATUS_OK;
}

/* Squared distance of two sums, each scaled to length 1. */
static double distance(const float *a, const float *b, int embedding)
{
    double square_a = 0, square_b = 0, sum = 0;
    for (int i = 0; i < embedding; i++) {
        square_a += (double)a[i] * (double)a[i];
        square_b += (double)b[i] * (double)b[i];
    }
    double norm_a = square_a > 0 ? sqrt(square_a) : 1;
    double norm_b = square_b > 0 ? sqrt(square_b) : 1;
    for (int i = 0; i < embedding; i++) {
        double difference = (double)a[i] / norm_a - (double)b[i] / norm_b;
        sum += difference * difference;
    }
    return sum;
}

/* The first threshold above the distance; `steps` when none is. */
static int first_accepting(double value, int steps, double step)
{
    if (!(value < (steps - 1) * step)) {
        return steps;
    }
    int index = (int)(value / step);
    while (index > 0 && value < (index - 1) * step) {
        index--;
    }
    while (!(value < index * step)) {
        index++;
    }
    return index;
}

static enum status build_counts(struct counts *counts, int steps, double step, const struct folds *folds,
                                const double *distances, const uint8_t *same, size_t pairs,
                                struct error *error)
{
    size_t width = (size_t)steps;
    size_t rows = (size_t)folds->count;
    *counts = (struct counts){.steps = steps,
                              .step = step,
                              .same = calloc((rows + 1) * width, sizeof(size_t)),
                              .different = calloc((rows + 1) * width, sizeof(size_t))};
    if (!counts->same || !counts->different) {
        return error_no_memory(error, "verification");
    }
    for (size_t i = 0; i < pairs; i++) {
        int index = first_accepting(distances[i], steps, step);
        if (index < steps) {
            (same[i] ? counts->same : counts->different)[folds->of[i] * width + (size_t)index]++;
        }
    }
    for (size_t k = 0; k < rows; k++) {
        for (size_t i = 0; i < width; i++) {
            if (i > 0) {
                counts->same[k * width + i] += counts->same[k * width + i - 1];
                counts->different[k * width + i] += counts->different[k * width + i - 1];
            }
            counts->same[rows * width + i] += counts->same[k * width + i];
            counts->different[rows * width + i] += counts->different[k * width + i];
        }
    }
    return STATUS_OK;
}

static void free_counts(struct counts *counts)
{
    free(counts->same);
    free(counts->different);
    *counts = (struct counts){0};
}

/* The first threshold that judges most pairs of the other folds rightly. */
static size_t best_threshold(const struct counts *counts, const struct folds *folds, size_t fold)
{
    size_t width = (size_t)counts->steps;
    size_t all = (size_t)folds->count * width;
    size_t different = folds->all_different - folds->different[fold];
    size_t best = 0, most = 0;
    for (size_t i = 0; i < width; i++) {
        size_t same_accepted = counts->same[all + i] - counts->same[fold * width + i];
        size_t different_accepted = counts->different[all + i] - counts->different[fold * width + i];
        size_t right = same_accepted + different - different_accepted;
        if (i == 0 || right > most) {
            most = right;
            best = i;
        }
    }
    return best;
}

static void score_accuracy(const struct counts *counts, const struct folds *folds,
                           struct verification *result)
{
    size_t width = (size_t)counts->steps;
    double accuracy[FOLDS_MAX];
    double sum = 0, squares = 0, thresholds = 0;
    for (size_t k = 0; k < (size_t)folds->count; k++) {
        size_t best = best_threshold(counts, folds, k);
        size_t right =
            counts->same[k * width + best] + folds->different[k] - counts->different[k * width + best];
        accuracy[k] = (double)right / (double)(folds->same[k] + folds->different[k]);
        sum += accuracy[k];
        thresholds += (double)best * counts->step;
    }
    result->accuracy = sum / folds->count;
    result->threshold = thresholds / folds->count;
    for (int k = 0; k < folds->count; k++) {
        squares += (accuracy[k] - result->accuracy) * (accuracy[k] - result->accuracy);
    }
    result->accuracy_std = sqrt(squares / folds->count);
}

/* The threshold at which the other folds have the false accept rate asked for, between grid points by a
 * straight line; 0 when they never reach it. */
static double far_threshold(const struct counts *counts, const struct folds *folds, size_t fold, double far)
{
    size_t width = (size_t)counts->steps;
    const size_t *all = counts->different + (size_t)folds->count * width;
    const size_t *own = counts->different + fold * width;
    double pairs = (double)(folds->all_different - folds->different[fold]);
    if (!(pairs > 0) || (double)(all[width - 1] - own[width - 1]) / pairs < far) {
        return 0;
    }
    size_t below = 0;
    while (below + 1 < width && (double)(all[below + 1] - own[below + 1]) / pairs <= far) {
        below++;
    }
    double threshold = (double)below * counts->step;
    if (below + 1 == width) {
        return threshold;
    }
    double far_below = (double)(all[below] - own[below]) / pairs;
    double far_above = (double)(all[below + 1] - own[below + 1]) / pairs;
    double slope = ((double)(below + 1) * counts->step - threshold) / (far_above - far_below);
    return slope * (far - far_below) + threshold;
}

/* True accept rate: the mean over the folds that have pairs of the same person. */
static double score_tar(const struct counts *counts, const struct folds *folds, const double *distances,
                        const uint8_t *same, size_t pairs, double far)
{
    double thresholds[FOLDS_MAX];
    size_t accepted[FOLDS_MAX] = {0};
    double sum = 0;
    int counted = 0;
    if ((double)folds->all_different * far < 1) {
        return -1;
    }
    for (size_t k = 0; k < (size_t)folds->count; k++) {
        thresholds[k] = far_threshold(counts, folds, k, far);
    }
    for (size_t i = 0; i < pairs; i++) {
        accepted[folds->of[i]] += same[i] && distances[i] < thresholds[folds->of[i]];
    }
    for (int k = 0; k < folds->count; k++) {
        if (folds->same[k] > 0) {
            sum += (double)accepted[k] / (double)folds->same[k];
            counted++;
        }
    }
    return counted > 0 ? sum / counted : -1;
}

struct scored {
    double distance;
    bool same;
};

static int compare_scored(const void *a, const void *b)
{
    double left = ((const struct scored *)a)->distance;
    double right = ((const struct scored *)b)->distance;
    return (left > right) - (left < right);
}

/* Area under the ROC curve as the probability that a same pair is closer than a different one, ties counting
 * half: exact, whatever the thresholds. */
static enum status score_auc(const double *distances, const uint8_t *same, size_t pairs, double *auc,
                             struct error *error)
{
    struct scored *scored = malloc((pairs + 1) * sizeof *scored);
    if (!scored) {
        return error_no_memory(error, "verification");
    }
    for (size_t i = 0; i < pairs; i++) {
        scored[i] = (struct scored){distances[i], same[i] != 0};
    }
    qsort(scored, pairs, sizeof *scored, compare_scored);
    double wins = 0, same_before = 0, different = 0;
    for (size_t begin = 0; begin < pairs;) {
        double tied_same = 0, tied_different = 0;
        size_t end = begin;
        for (; end < pairs && scored[end].distance == scored[begin].distance; end++) {
            tied_same += scored[end].same;
            tied_different += !scored[end].same;
        }
        wins += tied_different * (same_before + tied_same / 2);
        same_before += tied_same;
        different += tied_different;
        begin = end;
    }
    *auc = same_before > 0 && different > 0 ? wins / (same_before * different) : 0.5;
    free(scored);
    return STATUS_OK;
}

static enum status score(const struct folds *folds, const double *distances, const uint8_t *same,
                         size_t pairs, struct verification *result, struct error *error)
{
    struct counts counts;
    enum status status =
        build_counts(&counts, ACCURACY_STEPS, ACCURACY_STEP, folds, distances, same, pairs, error);
    if (status == STATUS_OK) {
        score_accuracy(&counts, folds, result);
    }
    free_counts(&counts);
    if (status == STATUS_OK) {
        status = build_counts(&counts, FAR_STEPS, FAR_STEP, folds, distances, same, pairs, error);
        for (int i = 0; i < 3 && status == STATUS_OK; i++) {
            result->tar[i] = score_tar(&counts, folds, distances, same, pairs, fars[i]);
        }
        free_counts(&counts);
    }
    return status == STATUS_OK ? score_auc(distances, same, pairs, &result->auc, error) : status;
}

enum status verification_check(const uint8_t *same, const uint8_t *fold, size_t count, struct error *error)
{
    struct folds folds;
    enum status status = build_folds(&folds, same, fold, count, error);
    free(folds.of);
    return status;
}

enum status verification_distances(const float *sum, size_t images, int embedding, const uint32_t *pair,
                                   size_t count, double *distances, struct error *error)
{
    for (size_t i = 0; i < count; i++) {
        size_t a = pair[2 * i], b = pair[2 * i + 1], width = (size_t)embedding;
        if (a >= images || b >= images) {
            return error_set(error, STATUS_DATA, NULL, "import the set again",
                             "pair %zu names image %zu of %zu", i, a >= images ? a : b, images);
        }
        distances[i] = distance(sum + a * width, sum + b * width, embedding);
        if (!isfinite(distances[i])) {
            return error_set(error, STATUS_NUMERIC, NULL,
                             "the model is not usable: go back to an earlier checkpoint",
                             "the embedding of image %zu or %zu is not finite", a, b);
        }
    }
    return STATUS_OK;
}

enum status verification_score(const float *sum, size_t images, int embedding, double mean_norm,
                               const uint32_t *pair, const uint8_t *same, const uint8_t *fold, size_t count,
                               struct verification *result, struct error *error)
{
    struct folds folds;
    *result = (struct verification){.pairs = count, .norm = mean_norm};
    double *distances = malloc((count + 1) * sizeof *distances);
    if (!distances) {
        return error_no_memory(error, "verification");
    }
    enum status status = build_folds(&folds, same, fold, count, error);
    if (status == STATUS_OK) {
        status = verification_distances(sum, images, embedding, pair, count, distances, error);
    }
    if (status == STATUS_OK) {
        status = score(&folds, distances, same, count, result, error);
    }
    free(folds.of);
    free(distances);
    return status;
}
