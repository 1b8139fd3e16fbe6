/* Thresholds are on a grid, so every pair is put into the bin of the first threshold that accepts it; sums of
 * bins per fold then give every count that the field's program gets by comparing every distance with every
 * threshold in every fold: the same integers, in one pass. */
#include "worker/evaluate/verification.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define FOLDS_MADE 10
#define FOLDS_MAX 256
#define ACCURACY_STEPS 400 /* thresholds 0, 0.01, ... */
#define ACCURACY_STEP 0.01
#define FAR_STEPS 4000 /* thresholds 0, 0.001, ... */
#define FAR_STEP 0.001

const double verification_fars[VERIFICATION_FARS] = {1e-2, 1e-3, 1e-4};

/* Pairs by fold. */
struct folds {
    int count;
    uint8_t *of; /* [pairs]: from 0, without holes */
};

/* How many pairs each fold has. */
struct tally {
    size_t same[FOLDS_MAX], different[FOLDS_MAX];
    size_t all_same, all_different;
};

/* A grid of thresholds. */
struct grid {
    int steps;
    double step;
};

static const struct grid accuracy_grid = {ACCURACY_STEPS, ACCURACY_STEP}, far_grid = {FAR_STEPS, FAR_STEP};

/* How many pairs are accepted at each threshold, of each fold and of all together. */
struct counts {
    struct grid grid;
    size_t *same, *different; /* [folds + 1][steps]; the last row is the sum */
};

struct verification_scorer {
    size_t pairs;
    struct folds folds;
    struct tally plain; /* every pair once */
    double *distance; /* [pairs] */
    uint8_t *same; /* [pairs] */
    uint16_t *accuracy_bin, *far_bin; /* [pairs]: the first threshold that accepts it */
    uint32_t *order; /* [pairs]: by rising distance */
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

/* Weights: how often each pair counts; NULL: once. */
static struct tally tally_up(const struct folds *folds, const uint8_t *same, const uint32_t *weight,
                             size_t count)
{
    struct tally tally = {.all_same = 0};
    for (size_t i = 0; i < count; i++) {
        const size_t times = weight ? weight[i] : 1;
        (same[i] ? tally.same : tally.different)[folds->of[i]] += times;
        *(same[i] ? &tally.all_same : &tally.all_different) += times;
    }
    return tally;
}

static enum status build_folds(struct folds *folds, struct tally *tally, const uint8_t *same,
                               const uint8_t *fold, size_t count, struct error *error)
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
    *tally = tally_up(folds, same, NULL, count);
    if (tally->all_same == 0 || tally->all_different == 0) {
        return error_set(error, STATUS_DATA, NULL, "use a set with pairs of both kinds",
                         "all %zu pairs are of %s", count,
                         tally->all_same > 0 ? "the same person" : "different people");
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
static uint16_t first_accepting(double value, struct grid grid)
{
    if (!(value < (grid.steps - 1) * grid.step)) {
        return (uint16_t)grid.steps;
    }
    int index = (int)(value / grid.step);
    while (index > 0 && value < (index - 1) * grid.step) {
        index--;
    }
    while (!(value < index * grid.step)) {
        index++;
    }
    return (uint16_t)index;
}

static enum status counts_create(struct counts *counts, struct grid grid, int folds, struct error *error)
{
    const size_t cells = (size_t)(folds + 1) * (size_t)grid.steps;
    *counts = (struct counts){
        .grid = grid, .same = malloc(cells * sizeof(size_t)), .different = malloc(cells * sizeof(size_t))};
    return counts->same && counts->different ? STATUS_OK : error_no_memory(error, "verification");
}

static void counts_free(struct counts *counts)
{
    free(counts->same);
    free(counts->different);
    *counts = (struct counts){.same = NULL};
}

static void count_pairs(const struct verification_scorer *scorer, const uint16_t *bin, const uint32_t *weight,
                        struct counts *counts)
{
    const size_t width = (size_t)counts->grid.steps, rows = (size_t)scorer->folds.count;
    memset(counts->same, 0, (rows + 1) * width * sizeof(size_t));
    memset(counts->different, 0, (rows + 1) * width * sizeof(size_t));
    for (size_t i = 0; i < scorer->pairs; i++) {
        if (bin[i] < width) {
            (scorer->same[i] ? counts->same : counts->different)[scorer->folds.of[i] * width + bin[i]] +=
                weight ? weight[i] : 1;
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
}

/* The first threshold that judges most pairs of the other folds rightly. */
static size_t best_threshold(const struct counts *counts, const struct tally *tally, size_t folds,
                             size_t fold)
{
    size_t width = (size_t)counts->grid.steps;
    size_t all = folds * width;
    size_t different = tally->all_different - tally->different[fold];
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

/* Over the folds that have pairs: under weights one may have none. */
static void score_accuracy(const struct counts *counts, const struct tally *tally, size_t folds,
                           struct verification *result)
{
    size_t width = (size_t)counts->grid.steps, counted = 0;
    double accuracy[FOLDS_MAX];
    double sum = 0, squares = 0, thresholds = 0;
    for (size_t k = 0; k < folds; k++) {
        if (tally->same[k] + tally->different[k] == 0) {
            continue;
        }
        size_t best = best_threshold(counts, tally, folds, k);
        size_t right =
            counts->same[k * width + best] + tally->different[k] - counts->different[k * width + best];
        accuracy[counted] = (double)right / (double)(tally->same[k] + tally->different[k]);
        sum += accuracy[counted++];
        thresholds += (double)best * counts->grid.step;
    }
    result->accuracy = sum / (double)counted;
    result->threshold = thresholds / (double)counted;
    for (size_t k = 0; k < counted; k++) {
        squares += (accuracy[k] - result->accuracy) * (accuracy[k] - result->accuracy);
    }
    result->accuracy_std = sqrt(squares / (double)counted);
}

/* The threshold at which the other folds have the false accept rate asked for, between grid points by a
 * straight line; 0 when they never reach it. */
static double far_threshold(const struct counts *counts, const struct tally *tally, size_t folds, size_t fold,
                            double far)
{
    size_t width = (size_t)counts->grid.steps;
    const size_t *all = counts->different + folds * width;
    const size_t *own = counts->different + fold * width;
    double pairs = (double)(tally->all_different - tally->different[fold]);
    if (!(pairs > 0) || (double)(all[width - 1] - own[width - 1]) / pairs < far) {
        return 0;
    }
    size_t below = 0;
    while (below + 1 < width && (double)(all[below + 1] - own[below + 1]) / pairs <= far) {
        below++;
    }
    double threshold = (double)below * counts->grid.step;
    if (below + 1 == width) {
        return threshold;
    }
    double far_below = (double)(all[below] - own[below]) / pairs;
    double far_above = (double)(all[below + 1] - own[below + 1]) / pairs;
    double slope = ((double)(below + 1) * counts->grid.step - threshold) / (far_above - far_below);
    return slope * (far - far_below) + threshold;
}

/* True accept rate: the mean over the folds that have pairs of the same person. */
static double score_tar(const struct verification_scorer *scorer, const struct counts *counts,
                        const struct tally *tally, const uint32_t *weight, double far)
{
    const struct folds *folds = &scorer->folds;
    double thresholds[FOLDS_MAX];
    size_t accepted[FOLDS_MAX] = {0};
    double sum = 0;
    int counted = 0;
    if ((double)scorer->plain.all_different * far < 1) {
        return -1;
    }
    for (size_t k = 0; k < (size_t)folds->count; k++) {
        thresholds[k] = far_threshold(counts, tally, (size_t)folds->count, k, far);
    }
    for (size_t i = 0; i < scorer->pairs; i++) {
        if (scorer->same[i] && scorer->distance[i] < thresholds[folds->of[i]]) {
            accepted[folds->of[i]] += weight ? weight[i] : 1;
        }
    }
    for (int k = 0; k < folds->count; k++) {
        if (tally->same[k] > 0) {
            sum += (double)accepted[k] / (double)tally->same[k];
            counted++;
        }
    }
    return counted > 0 ? sum / counted : -1;
}

/* Along the ROC curve: the area below it, as the probability that a same pair is closer than a different one, ties
 * counting half; and where it crosses the line of equal error rates, by a straight line between its points. */
static void score_curve(const struct verification_scorer *scorer, const struct tally *tally,
                        const uint32_t *weight, struct verification *result)
{
    const double all_same = (double)tally->all_same, all_different = (double)tally->all_different;
    double wins = 0, same = 0, different = 0, far = 0, frr = 1;
    bool crossed = false;
    for (size_t begin = 0, end; begin < scorer->pairs; begin = end) {
        const double distance = scorer->distance[scorer->order[begin]];
        double tied_same = 0, tied_different = 0;
        for (end = begin; end < scorer->pairs && scorer->distance[scorer->order[end]] == distance; end++) {
            const uint32_t pair = scorer->order[end];
            *(scorer->same[pair] ? &tied_same : &tied_different) += weight ? weight[pair] : 1;
        }
        wins += tied_different * (same + tied_same / 2);
        same += tied_same;
        different += tied_different;
        const double next_far = different / all_different, next_frr = 1 - same / all_same;
        if (!crossed && next_far >= next_frr) {
            const double before = frr - far, after = next_far - next_frr;
            result->eer = far + before / (before + after) * (next_far - far);
            crossed = true;
        }
        far = next_far;
        frr = next_frr;
    }
    result->auc = wins / (all_same * all_different);
}

struct scored {
    double distance;
    uint32_t pair;
};

static int compare_scored(const void *a, const void *b)
{
    double left = ((const struct scored *)a)->distance;
    double right = ((const struct scored *)b)->distance;
    return (left > right) - (left < right);
}

static enum status sort_pairs(struct verification_scorer *scorer, struct error *error)
{
    struct scored *scored = malloc((scorer->pairs + 1) * sizeof *scored);
    if (!scored) {
        return error_no_memory(error, "verification");
    }
    for (size_t i = 0; i < scorer->pairs; i++) {
        scored[i] = (struct scored){scorer->distance[i], (uint32_t)i};
    }
    qsort(scored, scorer->pairs, sizeof *scored, compare_scored);
    for (size_t i = 0; i < scorer->pairs; i++) {
        scorer->order[i] = scored[i].pair;
    }
    free(scored);
    return STATUS_OK;
}

static enum status fill_scorer(struct verification_scorer *scorer, const double *distances,
                               const uint8_t *same, const uint8_t *fold, struct error *error)
{
    const size_t count = scorer->pairs;
    scorer->distance = malloc((count + 1) * sizeof *scorer->distance);
    scorer->same = malloc(count + 1);
    scorer->accuracy_bin = malloc((count + 1) * sizeof *scorer->accuracy_bin);
    scorer->far_bin = malloc((count + 1) * sizeof *scorer->far_bin);
    scorer->order = malloc((count + 1) * sizeof *scorer->order);
    if (!scorer->distance || !scorer->same || !scorer->accuracy_bin || !scorer->far_bin || !scorer->order) {
        return error_no_memory(error, "verification");
    }
    for (size_t i = 0; i < count; i++) {
        scorer->distance[i] = distances[i];
        scorer->same[i] = same[i] != 0;
        scorer->accuracy_bin[i] = first_accepting(distances[i], accuracy_grid);
        scorer->far_bin[i] = first_accepting(distances[i], far_grid);
    }
    enum status status = build_folds(&scorer->folds, &scorer->plain, same, fold, count, error);
    return status == STATUS_OK ? sort_pairs(scorer, error) : status;
}

enum status verification_scorer_create(const double *distances, const uint8_t *same, const uint8_t *fold,
                                       size_t count, struct verification_scorer **result, struct error *error)
{
    struct verification_scorer *scorer = calloc(1, sizeof *scorer);
    *result = NULL;
    if (!scorer) {
        return error_no_memory(error, "verification");
    }
    scorer->pairs = count;
    enum status status = fill_scorer(scorer, distances, same, fold, error);
    if (status != STATUS_OK) {
        verification_scorer_free(scorer);
        return status;
    }
    *result = scorer;
    return STATUS_OK;
}

void verification_scorer_free(struct verification_scorer *scorer)
{
    if (!scorer) {
        return;
    }
    free(scorer->folds.of);
    free(scorer->distance);
    free(scorer->same);
    free(scorer->accuracy_bin);
    free(scorer->far_bin);
    free(scorer->order);
    free(scorer);
}

enum status verification_scorer_run(const struct verification_scorer *scorer, const uint32_t *weight,
                                    struct verification *result, struct error *error)
{
    const struct tally tally =
        weight ? tally_up(&scorer->folds, scorer->same, weight, scorer->pairs) : scorer->plain;
    struct counts counts;
    *result = (struct verification){.pairs = scorer->pairs};
    if (tally.all_same == 0 || tally.all_different == 0) {
        return error_set(error, STATUS_DATA, NULL, "use a set with pairs of both kinds",
                         "the weights leave no pair of %s",
                         tally.all_same == 0 ? "the same person" : "different people");
    }
    enum status status =
        counts_create(&counts, far_grid, scorer->folds.count, error); /* the larger of the two */
    if (status == STATUS_OK) {
        count_pairs(scorer, scorer->far_bin, weight, &counts);
        for (int i = 0; i < VERIFICATION_FARS; i++) {
            result->tar[i] = score_tar(scorer, &counts, &tally, weight, verification_fars[i]);
        }
        counts.grid = accuracy_grid;
        count_pairs(scorer, scorer->accuracy_bin, weight, &counts);
        score_accuracy(&counts, &tally, (size_t)scorer->folds.count, result);
        score_curve(scorer, &tally, weight, result);
    }
    counts_free(&counts);
    return status;
}

enum status verification_check(const uint8_t *same, const uint8_t *fold, size_t count, struct error *error)
{
    struct folds folds;
    struct tally tally;
    enum status status = build_folds(&folds, &tally, same, fold, count, error);
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
    struct verification_scorer *scorer = NULL;
    *result = (struct verification){.pairs = count};
    double *distances = malloc((count + 1) * sizeof *distances);
    if (!distances) {
        return error_no_memory(error, "verification");
    }
    enum status status = verification_check(same, fold, count, error);
    if (status == STATUS_OK) {
        status = verification_distances(sum, images, embedding, pair, count, distances, error);
    }
    if (status == STATUS_OK) {
        status = verification_scorer_create(distances, same, fold, count, &scorer, error);
    }
    if (status == STATUS_OK) {
        status = verification_scorer_run(scorer, NULL, result, error);
    }
    result->norm = mean_norm;
    verification_scorer_free(scorer);
    free(distances);
    return status;
}
