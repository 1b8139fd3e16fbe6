#include "worker/identity/judge_calibrate.h"

#include "worker/identity/judge_curve.h"

#include <math.h>
#include <stdlib.h>

#define BIN_LEAST 4 /* pairs */
#define MIRROR_MORE 0.5 /* pairs that the first bin counts beside what was seen */
#define FOUND_POOL 100.0
#define FOUND_MOST 0.98
#define MIRROR_MOST 0.95

struct weighed {
    double odds, weight;
};

bool judge_stands(const struct judge_work *work, uint64_t class, size_t place)
{
    return class < work->lists->class[NEIGHBOUR_OWN][place] || work->reverse[place] < 0;
}

static int compare_odds(const void *first, const void *second)
{
    const struct weighed *a = first, *b = second;
    return a->odds != b->odds ? (a->odds < b->odds ? 1 : -1)
                              : (a->weight > b->weight) - (a->weight < b->weight);
}

/* How many pairs of a's lists in b have even odds or more. */
static double count_even(const struct judge_work *work, int side, size_t a, size_t b)
{
    const uint64_t *first = work->lists->space.first_class;
    double count = 0;
    for (uint64_t class = first[a]; class < first[a + 1]; class ++) {
        const size_t place = neighbour_place(work->lists, class, b);
        for (size_t r = 0; r < NEIGHBOUR_WIDTH; r++) {
            count += work->odds[side][place + r] > 0 &&
                     (side == NEIGHBOUR_MIRROR || judge_stands(work, class, place + r));
        }
    }
    return count;
}

/* The share of classes whose partner is found: of the pairs of even odds or more those beyond chance, where chance has
 * only the others. */
void judge_measure(struct judge_work *work, struct judge_evidence *evidence)
{
    double excess = 0, room = 0;
    *evidence = (struct judge_evidence){0};
    for (int pass = 0; pass < 2; pass++) {
        for (size_t a = 0; a < work->datasets; a++) {
            for (size_t b = a + 1; b < work->datasets; b++) {
                const double of_a = (double)work->live[a], of_b = (double)work->live[b];
                const double least = fmin(of_a, of_b);
                if (least == 0) {
                    continue;
                }
                const double own =
                    count_even(work, NEIGHBOUR_OWN, a, b) + count_even(work, NEIGHBOUR_OWN, b, a);
                const double rate = 0.5 * (count_even(work, NEIGHBOUR_MIRROR, a, b) / of_a +
                                           count_even(work, NEIGHBOUR_MIRROR, b, a) / of_b);
                const double chance = 0.5 * rate * (of_a + of_b);
                const double left = (1 - fmin(rate, MIRROR_MOST)) * least;
                if (pass == 0) {
                    excess += own - chance;
                    room += left;
                    evidence->own += own;
                    evidence->mirror += chance;
                    continue;
                }
                const double all = fmin(fmax(excess / fmax(room, 1), 0), FOUND_MOST);
                const double found =
                    least *
                    fmin(fmax((own - chance + FOUND_POOL * all) / (left + FOUND_POOL), 0), FOUND_MOST);
                judge_pair_of(work, a, b)->found = fmin(found / of_a, FOUND_MOST);
                judge_pair_of(work, b, a)->found = fmin(found / of_b, FOUND_MOST);
            }
        }
    }
}

/* The pairs of one side by falling odds; counts them alone where `pairs` is NULL. */
static size_t gather(const struct judge_work *work, int side, struct weighed *pairs)
{
    size_t count = 0;
    for (uint64_t class = 0; class < work->classes; class ++) {
        const size_t own = centre_dataset(&work->lists->space, class);
        const size_t begin = neighbour_place(work->lists, class, 0);
        const size_t end = neighbour_place(work->lists, class + 1, 0);
        for (size_t place = begin; place < end; place++) {
            if (!((double)work->odds[side][place] > JUDGE_ODDS_LEAST) ||
                (side == NEIGHBOUR_OWN && !judge_stands(work, class, place))) {
                continue;
            }
            if (pairs) {
                const double found = judge_pair_of(work, own, (place - begin) / NEIGHBOUR_WIDTH)->found;
                pairs[count] = (struct weighed){(double)work->odds[side][place],
                                                side == NEIGHBOUR_OWN ? 1 : 0.5 * (1 - found)};
            }
            count++;
        }
    }
    return count;
}

/* The share of wrong pairs in bins of as many pairs each. */
static void make_bins(const struct weighed *own, size_t count, const struct weighed *mirror, size_t mirrors,
                      struct judge_curve *curve)
{
    size_t bins = count / BIN_LEAST, at = 0, seen = 0;
    bins = bins < 1 ? 1 : bins > JUDGE_BINS_MOST ? JUDGE_BINS_MOST : bins;
    curve->count = 0;
    double weights[JUDGE_BINS_MOST];
    for (size_t i = 0; i < bins && count > 0; i++) {
        const size_t size = count / bins + (i < count % bins);
        double odds = 0, wrong = i == 0 ? MIRROR_MORE : 0;
        for (size_t j = 0; j < size; j++) {
            odds += own[at + j].odds;
        }
        at += size;
        for (; seen < mirrors && mirror[seen].odds > own[at - 1].odds; seen++) {
            wrong += mirror[seen].weight;
        }
        curve->bin[i] = (struct judge_bin){odds / (double)size, wrong / (double)size};
        weights[i] = (double)size;
        curve->count++;
    }
    /* Blocks of pooled bins, each by its first bin; `last` is the block of the bins so far. */
    size_t begin[JUDGE_BINS_MOST + 1], blocks = 0;
    double sum[JUDGE_BINS_MOST], weight[JUDGE_BINS_MOST];
    for (size_t i = 0; i < curve->count; i++) {
        begin[blocks] = i;
        sum[blocks] = curve->bin[i].wrong * weights[i];
        weight[blocks] = weights[i];
        blocks++;
        while (blocks > 1 && sum[blocks - 2] / weight[blocks - 2] >= sum[blocks - 1] / weight[blocks - 1]) {
            sum[blocks - 2] += sum[blocks - 1];
            weight[blocks - 2] += weight[blocks - 1];
            blocks--;
        }
    }
    begin[blocks] = curve->count;
    for (size_t b = 0; b < blocks; b++) {
        for (size_t i = begin[b]; i < begin[b + 1]; i++) {
            curve->bin[i].wrong = sum[b] / weight[b];
        }
    }
}

enum status judge_calibrate(struct judge_work *work, struct judge_evidence *evidence, struct error *error)
{
    judge_measure(work, evidence);
    const size_t count = gather(work, NEIGHBOUR_OWN, NULL), mirrors = gather(work, NEIGHBOUR_MIRROR, NULL);
    struct weighed *own = malloc((count + 1) * sizeof *own), *mirror = malloc((mirrors + 1) * sizeof *mirror);
    enum status status = own && mirror ? STATUS_OK : error_no_memory(error, "identity pairs");
    if (status == STATUS_OK) {
        gather(work, NEIGHBOUR_OWN, own);
        gather(work, NEIGHBOUR_MIRROR, mirror);
        qsort(own, count, sizeof *own, compare_odds);
        qsort(mirror, mirrors, sizeof *mirror, compare_odds);
        make_bins(own, count, mirror, mirrors, &work->curve);
#pragma omp parallel for num_threads(work->threads)
        for (size_t place = 0; place < work->places; place++) {
            for (int side = 0; side < NEIGHBOUR_SIDES; side++) {
                work->probability[side][place] =
                    judge_probability(&work->curve, (double)work->odds[side][place]);
            }
        }
    }
    free(own);
    free(mirror);
    return status;
}
