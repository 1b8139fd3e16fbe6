#include "worker/discovery/consensus.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS 4
#define MATCH_ROUNDS 10
#define SLOPE                                                                                                \
    0.9 /* odds that a deviation of the score is worth: the tail of the highest of many strangers' */
#define EVEN 1.55 /* the score of even odds */
#define SUPPORT_FLOOR 0.02f
#define SUPPORT_MEAN_LEAST 0.001
#define PARTNER_LEAST 0.001f /* less likely partners support nobody */
#define ODDS_MOST 30.0f
#define ODDS_ROUNDING 1e-6f

struct work {
    const struct neighbour_lists *lists;
    const uint64_t *first;
    bool apart;
    int threads;
    size_t datasets, places;
    uint64_t classes;
    float *score[NEIGHBOUR_SIDES]; /* [places] log odds by the score alone */
    float *odds[NEIGHBOUR_SIDES]; /* [places] */
    float *partner[NEIGHBOUR_SIDES]; /* [places] how far the entry is the class's partner */
    float *support[NEIGHBOUR_SIDES]; /* [places] that the odds are of, and that is being found */
    float *found[NEIGHBOUR_SIDES];
    float *own,
        *theirs; /* [classes][K] scales of a class's weights in its lists of a dataset, and in that one's */
};

static bool has(const struct work *work, int side, size_t place)
{
    return work->lists->class[side][place] != NEIGHBOUR_NOBODY;
}

static size_t pair_place(const struct work *work, uint64_t class_index, size_t dataset)
{
    return (size_t)class_index * work->datasets + dataset;
}

/* --- Scores --- */

/* Of a third of a small dataset, so that its mean is of near ones too. */
static size_t entries_of_mean(const struct work *work, size_t dataset)
{
    const uint64_t third = (work->first[dataset + 1] - work->first[dataset]) / 3;
    return third < 1 ? 1 : third < NEIGHBOUR_WIDTH ? (size_t)third : NEIGHBOUR_WIDTH;
}

static void take_means(const struct work *work, int side, float *mean)
{
#pragma omp parallel for num_threads(work->threads)
    for (uint64_t a = 0; a < work->classes; a++) {
        for (size_t k = 0; k < work->datasets; k++) {
            const size_t place = neighbour_place(work->lists, a, k), most = entries_of_mean(work, k);
            float sum = 0;
            size_t entries = 0;
            while (entries < most && has(work, side, place + entries)) {
                sum += work->lists->cosine[side][place + entries++];
            }
            mean[pair_place(work, a, k)] = entries > 0 ? sum / (float)entries : 0;
        }
    }
}

/* near [sides][classes][K]: the mean cosine of a class's nearest. */
static void score_side(const struct work *work, int side, float *const *near)
{
#pragma omp parallel for num_threads(work->threads)
    for (uint64_t a = 0; a < work->classes; a++) {
        const size_t home = centre_dataset(&work->lists->space, a);
        for (size_t k = 0; k < work->datasets; k++) {
            const size_t place = neighbour_place(work->lists, a, k);
            for (size_t i = place; i < place + NEIGHBOUR_WIDTH; i++) {
                const bool counts = k != home && has(work, side, i);
                work->score[side][i] =
                    counts ? 2 * work->lists->cosine[side][i] - near[side][pair_place(work, a, k)] -
                                 near[NEIGHBOUR_OWN][pair_place(work, work->lists->class[side][i], home)]
                           : -INFINITY;
            }
        }
    }
}

static void scale_list(const struct work *work, int side, size_t place, double mean, double deviation)
{
    for (size_t i = place; i < place + NEIGHBOUR_WIDTH; i++) {
        work->score[side][i] = (float)(SLOPE * (((double)work->score[side][i] - mean) / deviation - EVEN));
    }
}

/* Between two datasets, in both directions: log odds of the scores. */
static void scale_scores(const struct work *work, size_t a, size_t b)
{
    double sum = 0, squares = 0, count = 0;
    const size_t sets[2] = {a, b};
    for (int i = 0; i < 2; i++) {
        for (uint64_t c = work->first[sets[i]]; c < work->first[sets[i] + 1]; c++) {
            const double score =
                (double)neighbour_highest(work->lists, work->score[NEIGHBOUR_MIRROR], c, sets[1 - i]);
            if (isfinite(score)) {
                sum += score;
                squares += score * score;
                count++;
            }
        }
    }
    const double mean = count > 0 ? sum / count : 0;
    const double variance = count > 0 ? squares / count - mean * mean : 0;
    const double deviation = sqrt(variance > 0 ? variance : 0) + 1e-9;
    for (int i = 0; i < 2; i++) {
        for (uint64_t c = work->first[sets[i]]; c < work->first[sets[i] + 1]; c++) {
            for (int side = 0; side < NEIGHBOUR_SIDES; side++) {
                scale_list(work, side, neighbour_place(work->lists, c, sets[1 - i]), mean, deviation);
            }
        }
    }
}

static void score(struct work *work)
{
    /* The partners have no values yet: their room is used. */
    float *near[NEIGHBOUR_SIDES] = {work->own, work->theirs};
    for (int side = 0; side < NEIGHBOUR_SIDES; side++) {
        take_means(work, side, near[side]);
    }
    for (int side = 0; side < NEIGHBOUR_SIDES; side++) {
        score_side(work, side, near);
    }
    for (size_t a = 0; a < work->datasets; a++) {
        for (size_t b = a + 1; b < work->datasets; b++) {
            scale_scores(work, a, b);
        }
    }
}

/* --- Partners --- */

static void weigh(struct work *work, int side)
{
#pragma omp parallel for num_threads(work->threads)
    for (size_t i = 0; i < work->places; i++) {
        const float odds = work->odds[side][i];
        work->partner[side][i] = has(work, side, i) && isfinite(odds) ? expf(odds > ODDS_MOST    ? ODDS_MOST
                                                                             : odds < -ODDS_MOST ? -ODDS_MOST
                                                                                                 : odds)
                                                                      : 0;
    }
}

/* The scales of the classes of dataset `a` in others, and of the others' in its lists. */
static void balance(struct work *work, int side, size_t a)
{
    const uint32_t *classes = work->lists->class[side];
    for (uint64_t b = 0; b < work->classes; b++) {
        work->theirs[pair_place(work, b, a)] = 0;
    }
    for (uint64_t c = work->first[a]; c < work->first[a + 1]; c++) {
        for (size_t k = 0; k < work->datasets; k++) {
            const size_t place = neighbour_place(work->lists, c, k);
            for (size_t i = place; i < place + NEIGHBOUR_WIDTH && k != a && has(work, side, i); i++) {
                work->theirs[pair_place(work, classes[i], a)] +=
                    work->partner[side][i] * work->own[pair_place(work, c, k)];
            }
        }
    }
    for (uint64_t b = 0; b < work->classes; b++) {
        float *scale = &work->theirs[pair_place(work, b, a)];
        *scale = 1 / (1 + *scale);
    }
    for (uint64_t c = work->first[a]; c < work->first[a + 1]; c++) {
        for (size_t k = 0; k < work->datasets; k++) {
            const size_t place = neighbour_place(work->lists, c, k);
            float sum = 1;
            for (size_t i = place; i < place + NEIGHBOUR_WIDTH && k != a && has(work, side, i); i++) {
                sum += work->partner[side][i] * work->theirs[pair_place(work, classes[i], a)];
            }
            work->own[pair_place(work, c, k)] = 1 / sum;
        }
    }
}

static void match(struct work *work, int side)
{
    weigh(work, side);
    for (size_t i = 0; i < work->classes * work->datasets; i++) {
        work->own[i] = 1;
    }
    /* A dataset's part of `theirs` is its own, so datasets do not meet. */
#pragma omp parallel for num_threads(work->threads) schedule(dynamic)
    for (size_t a = 0; a < work->datasets; a++) {
        for (int round = 0; round < MATCH_ROUNDS; round++) {
            balance(work, side, a);
        }
        for (uint64_t c = work->first[a]; c < work->first[a + 1]; c++) {
            for (size_t k = 0; k < work->datasets; k++) {
                const size_t place = neighbour_place(work->lists, c, k);
                for (size_t i = place; i < place + NEIGHBOUR_WIDTH && k != a && has(work, side, i); i++) {
                    work->partner[side][i] *= work->own[pair_place(work, c, k)] *
                                              work->theirs[pair_place(work, work->lists->class[side][i], a)];
                }
            }
        }
    }
}

/* --- Support --- */

/* Where a class is in the list of another; `places` where it is not. */
static size_t find_place(const struct work *work, uint64_t class_index, uint32_t other, size_t dataset)
{
    const size_t place = neighbour_place(work->lists, class_index, dataset);
    for (size_t i = place; i < place + NEIGHBOUR_WIDTH; i++) {
        if (work->lists->class[NEIGHBOUR_OWN][i] == other) {
            return i;
        }
    }
    return work->places;
}

static float partner_at(const struct work *work, size_t place)
{
    return place < work->places ? work->partner[NEIGHBOUR_OWN][place] : 0;
}

/* How far an entry is the class's partner without this part of its support: what two classes say of a third they may
 * have of each other. */
static float partner_without(const struct work *work, int side, size_t place, float part)
{
    const float partner = work->partner[side][place], support = work->support[side][place];
    if (!(part > 0) || !(support > 0)) {
        return partner;
    }
    const float left = part < support ? support - part : 0;
    const float ratio = (left + SUPPORT_FLOOR) / (support + SUPPORT_FLOOR);
    const float odds = partner / (1 - partner + ODDS_ROUNDING) * ratio * ratio;
    return odds / (1 + odds);
}

/* By the partners that a class, or its mirror image, has in third datasets: of an entry of its list. */
static float support_of(const struct work *work, int side, uint64_t class_index, size_t home, size_t entry,
                        size_t dataset)
{
    const uint32_t other = work->lists->class[side][entry];
    const float direct = work->partner[side][entry];
    float sum = 0;
    for (size_t third = 0; third < work->datasets; third++) {
        const size_t place = neighbour_place(work->lists, class_index, third);
        for (size_t i = place; i < place + NEIGHBOUR_WIDTH && third != home && third != dataset; i++) {
            if (!(work->partner[side][i] > PARTNER_LEAST)) {
                continue;
            }
            const uint32_t between = work->lists->class[side][i];
            const size_t onward = find_place(work, between, other, dataset);
            if (!(partner_at(work, onward) > PARTNER_LEAST)) {
                continue;
            }
            if (!work->apart) {
                sum += work->partner[side][i] * work->partner[NEIGHBOUR_OWN][onward];
                continue;
            }
            const size_t back = find_place(work, other, between, third);
            const size_t home_of =
                side == NEIGHBOUR_OWN ? find_place(work, between, (uint32_t)class_index, home) : work->places;
            sum += partner_without(work, side, i, direct * partner_at(work, back)) *
                   partner_without(work, NEIGHBOUR_OWN, onward, partner_at(work, home_of) * direct);
        }
    }
    return sum;
}

/* The support that two classes drawn at random have. */
static double mean_support(const struct work *work)
{
    double sum = 0;
    float *towards = work->own; /* [classes]: how far it is others' partner */
    memset(towards, 0, work->classes * sizeof *towards);
    for (size_t i = 0; i < work->places; i++) {
        if (work->partner[NEIGHBOUR_OWN][i] > 0) {
            towards[work->lists->class[NEIGHBOUR_OWN][i]] += work->partner[NEIGHBOUR_OWN][i];
        }
    }
    for (uint64_t c = 0; c < work->classes; c++) {
        double from = 0;
        for (size_t i = neighbour_place(work->lists, c, 0); i < neighbour_place(work->lists, c + 1, 0); i++) {
            from += (double)work->partner[NEIGHBOUR_OWN][i];
        }
        sum += from * (double)towards[c];
    }
    const double mean = sum / ((double)work->classes * (double)work->classes);
    return mean > SUPPORT_MEAN_LEAST ? mean : SUPPORT_MEAN_LEAST;
}

static void support(struct work *work, int side)
{
#pragma omp parallel for num_threads(work->threads) schedule(dynamic, 16)
    for (uint64_t c = 0; c < work->classes; c++) {
        const size_t home = centre_dataset(&work->lists->space, c);
        for (size_t k = 0; k < work->datasets; k++) {
            const size_t place = neighbour_place(work->lists, c, k);
            for (size_t i = place; i < place + NEIGHBOUR_WIDTH && k != home && has(work, side, i); i++) {
                work->found[side][i] = support_of(work, side, c, home, i, k);
            }
        }
    }
}

static void weigh_support(struct work *work, int side, double mean)
{
    memcpy(work->support[side], work->found[side], work->places * sizeof *work->support[side]);
#pragma omp parallel for num_threads(work->threads)
    for (size_t i = 0; i < work->places; i++) {
        const double found =
            ((double)work->support[side][i] + (double)SUPPORT_FLOOR) / (mean + (double)SUPPORT_FLOOR);
        /* Twice: as partner_without takes it off. */
        work->odds[side][i] = work->score[side][i] + (float)(2 * log(found));
    }
}

static enum status work_create(const struct neighbour_lists *lists, bool apart, int threads,
                               struct consensus *consensus, struct work *work, struct error *error)
{
    const uint64_t *first = lists->space.first_class;
    const size_t datasets = lists->space.datasets;
    *work = (struct work){.lists = lists,
                          .first = first,
                          .apart = apart,
                          .threads = threads,
                          .datasets = datasets,
                          .classes = first[datasets]};
    work->places = (size_t)work->classes * datasets * NEIGHBOUR_WIDTH;
    work->own = malloc((work->classes * datasets + 1) * sizeof *work->own);
    work->theirs = malloc((work->classes * datasets + 1) * sizeof *work->theirs);
    bool all = work->own && work->theirs;
    for (int side = 0; side < NEIGHBOUR_SIDES; side++) {
        work->score[side] = malloc((work->places + 1) * sizeof *work->score[side]);
        work->partner[side] = malloc((work->places + 1) * sizeof *work->partner[side]);
        work->support[side] = calloc(work->places + 1, sizeof *work->support[side]);
        work->found[side] = calloc(work->places + 1, sizeof *work->found[side]);
        work->odds[side] = consensus->odds[side] = malloc((work->places + 1) * sizeof *work->odds[side]);
        all = all && work->score[side] && work->partner[side] && work->support[side] && work->found[side] &&
              work->odds[side];
    }
    return all ? STATUS_OK : error_no_memory(error, "identity pairs");
}

static void work_free(struct work *work)
{
    free(work->own);
    free(work->theirs);
    for (int side = 0; side < NEIGHBOUR_SIDES; side++) {
        free(work->score[side]);
        free(work->partner[side]);
        free(work->support[side]);
        free(work->found[side]);
    }
}

enum status consensus_create(const struct neighbour_lists *lists, bool apart, int threads,
                             struct consensus *consensus, struct error *error)
{
    struct work work;
    *consensus = (struct consensus){{NULL}};
    const enum status status = work_create(lists, apart, threads, consensus, &work, error);
    if (status == STATUS_OK) {
        score(&work);
        for (int side = 0; side < NEIGHBOUR_SIDES; side++) {
            memcpy(work.odds[side], work.score[side], work.places * sizeof *work.odds[side]);
        }
        for (int round = 0; round < ROUNDS; round++) {
            for (int side = 0; side < NEIGHBOUR_SIDES; side++) {
                match(&work, side);
            }
            const double mean = mean_support(&work);
            for (int side = 0; side < NEIGHBOUR_SIDES; side++) {
                support(&work, side);
            }
            for (int side = 0; side < NEIGHBOUR_SIDES; side++) {
                weigh_support(&work, side, mean);
            }
        }
    }
    work_free(&work);
    return status;
}

void consensus_free(struct consensus *consensus)
{
    for (int side = 0; side < NEIGHBOUR_SIDES; side++) {
        free(consensus->odds[side]);
    }
    *consensus = (struct consensus){{NULL}};
}
