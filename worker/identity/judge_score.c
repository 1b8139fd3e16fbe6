#include "worker/identity/judge_score.h"

#include <math.h>

/* Gumbel's of mean 0 and deviation 1: density rate e^(-x - e^-x), x = rate (score + shift). */
#define GUMBEL_RATE 1.2825498301618641
#define GUMBEL_SHIFT 0.45005320754569466
#define MIXTURE_ROUNDS 60
#define MIXTURE_POOL 50.0 /* rows that draw a pair of datasets to the share of all */
#define SHARE_LEAST 1e-4
#define SHARE_MOST 0.97
#define SLOPE_LEAST 0.5
#define SLOPE_MOST 2.0
#define PARTNER_START 2.5
#define PARTNER_LEAST 1.0
#define DEVIATION_LEAST 0.7
#define DEVIATION_MOST 3.0
#define BEYOND_TURN 0.2 /* how the odds rise with the score where two normals would let them fall */
#define NO_EVIDENCE (-60.0f)

static double clamp(double value, double low, double high)
{
    return value < low ? low : value > high ? high : value;
}

/* Sums of a line's fit. */
struct line {
    double x, y, xx, xy;
    size_t count;
};

/* The mean cosines of each rank but the nearest, of the mirror images and of strangers of dataset a in b. */
static void add_ranks(const struct judge_work *work, size_t a, size_t b, struct line *line)
{
    const struct neighbour_lists *lists = work->lists;
    const uint64_t *first = lists->space.first_class;
    const size_t width = work->width[b], least = width > 3 ? 1 : 0;
    double mirror[NEIGHBOUR_WIDTH] = {0}, stranger[NEIGHBOUR_WIDTH] = {0};
    size_t rows = 0;
    for (uint64_t i = first[a]; i < first[a + 1]; i++) {
        const size_t place = neighbour_place(lists, i, b);
        double found = 0;
        if (width == 0 || !judge_has(work, NEIGHBOUR_OWN, place)) {
            continue;
        }
        for (size_t r = 0; r < width; r++) {
            found += (double)work->probability[NEIGHBOUR_OWN][place + r];
        }
        found = found < 1 ? found : 1;
        for (size_t r = least; r + 1 < width; r++) {
            stranger[r] += (1 - found) * (double)lists->cosine[NEIGHBOUR_OWN][place + r] +
                           found * (double)lists->cosine[NEIGHBOUR_OWN][place + r + 1];
            mirror[r] += (double)lists->cosine[NEIGHBOUR_MIRROR][place + r];
        }
        rows++;
    }
    for (size_t r = least; rows > 0 && r + 1 < width; r++) {
        const double x = mirror[r] / (double)rows, y = stranger[r] / (double)rows;
        line->x += x;
        line->y += y;
        line->xx += x * x;
        line->xy += x * y;
        line->count++;
    }
}

static void fit_strangers(struct judge_work *work, size_t a, size_t b)
{
    struct line line = {0};
    add_ranks(work, a, b, &line);
    add_ranks(work, b, a, &line);
    const double count = (double)line.count;
    double slope = 1, offset = 0;
    if (line.count > 3) {
        const double spread = line.xx - line.x * line.x / count;
        slope = spread > 0 ? (line.xy - line.x * line.y / count) / spread : 1;
        slope = clamp(slope, SLOPE_LEAST, SLOPE_MOST);
    }
    if (line.count > 0) {
        offset = line.y / count - slope * line.x / count;
    }
    struct judge_datasets *pair[2] = {judge_pair_of(work, a, b), judge_pair_of(work, b, a)};
    for (int i = 0; i < 2; i++) {
        pair[i]->slope = slope;
        pair[i]->offset = offset;
    }
}

static double cosine_of(const struct judge_work *work, int side, size_t place,
                        const struct judge_datasets *pair)
{
    const double cosine = (double)work->lists->cosine[side][place];
    return side == NEIGHBOUR_MIRROR ? pair->offset + pair->slope * cosine : cosine;
}

/* The mean cosine of the nearest of a class in each other dataset. */
static void average_nearest(struct judge_work *work, uint64_t class)
{
    const size_t own = centre_dataset(&work->lists->space, class);
    for (size_t b = 0; b < work->datasets; b++) {
        size_t most = work->live[b] / 3;
        most = most < 1 ? 1 : most > NEIGHBOUR_WIDTH ? NEIGHBOUR_WIDTH : most;
        for (int side = 0; side < NEIGHBOUR_SIDES; side++) {
            const size_t place = neighbour_place(work->lists, class, b);
            double sum = 0;
            for (size_t r = 0; r < most && b != own; r++) {
                sum += judge_has(work, side, place + r)
                           ? cosine_of(work, side, place + r, judge_pair_of(work, own, b))
                           : 0;
            }
            work->near[side][class * work->datasets + b] = (float)(sum / (double)most);
        }
    }
}

/* CSLS of each entry of a class's lists. */
static void score_class(struct judge_work *work, uint64_t class)
{
    const size_t own = centre_dataset(&work->lists->space, class);
    for (size_t b = 0; b < work->datasets; b++) {
        for (int side = 0; side < NEIGHBOUR_SIDES; side++) {
            const size_t place = neighbour_place(work->lists, class, b);
            for (size_t r = 0; r < NEIGHBOUR_WIDTH; r++) {
                float score = -INFINITY;
                if (b != own && judge_has(work, side, place + r)) {
                    const uint64_t other = work->lists->class[side][place + r];
                    score = (float)(2 * cosine_of(work, side, place + r, judge_pair_of(work, own, b)) -
                                    (double)work->near[side][class * work->datasets + b] -
                                    (double)work->near[NEIGHBOUR_OWN][other * work->datasets + own]);
                }
                work->evidence[side][place + r] = score;
            }
        }
    }
}

/* The mean and the deviation of the highest scores of the mirror images of two datasets. */
static void measure_mirrors(struct judge_work *work, size_t a, size_t b)
{
    const uint64_t *first = work->lists->space.first_class;
    const size_t sets[2] = {a, b};
    double mean = 0, squares = 0;
    size_t count = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (int i = 0; i < 2; i++) {
            for (uint64_t class = first[sets[i]]; class < first[sets[i] + 1]; class ++) {
                const double score = (double)neighbour_highest(work->lists, work->evidence[NEIGHBOUR_MIRROR],
                                                               class, sets[1 - i]);
                if (!isfinite(score)) {
                    continue;
                }
                count += pass == 0;
                mean += pass == 0 ? score : 0;
                squares += pass == 0 ? 0 : (score - mean) * (score - mean);
            }
        }
        mean = pass == 0 && count > 0 ? mean / (double)count : mean;
    }
    struct judge_datasets *pair[2] = {judge_pair_of(work, a, b), judge_pair_of(work, b, a)};
    for (int i = 0; i < 2; i++) {
        pair[i]->mean = mean;
        pair[i]->deviation = (count > 0 ? sqrt(squares / (double)count) : 0) + 1e-9;
    }
}

static void scale_class(struct judge_work *work, uint64_t class)
{
    const size_t own = centre_dataset(&work->lists->space, class);
    for (size_t b = 0; b < work->datasets; b++) {
        const struct judge_datasets *pair = judge_pair_of(work, own, b);
        const size_t place = neighbour_place(work->lists, class, b);
        for (int side = 0; side < NEIGHBOUR_SIDES && b != own; side++) {
            for (size_t r = 0; r < NEIGHBOUR_WIDTH; r++) {
                float *score = &work->evidence[side][place + r];
                *score = (float)(((double)*score - pair->mean) / pair->deviation);
            }
        }
    }
}

static double log_gumbel(double score)
{
    const double x = GUMBEL_RATE * (score + GUMBEL_SHIFT);
    return log(GUMBEL_RATE) - x - exp(clamp(-x, -60, 40));
}

static double log_partner(const struct judge_work *work, double score)
{
    const double off = (score - work->partner_mean) / work->partner_deviation;
    return -0.5 * off * off - log(work->partner_deviation) - 0.91893853320467274;
}

/* Sums of a round of the mixture. */
struct mixture {
    double weight, score,
        square; /* of partners: their number, scores and squares of what these are off the mean */
    double rows;
};

/* The rows of dataset a and of b, each with its highest score in the other. */
static void add_rows(struct judge_work *work, size_t a, size_t b, struct mixture *sum)
{
    const uint64_t *first = work->lists->space.first_class;
    const size_t sets[2] = {a, b};
    struct judge_datasets *pair = judge_pair_of(work, a, b);
    const double share = pair->shared;
    pair->partners = 0;
    pair->rows = 0;
    for (int i = 0; i < 2; i++) {
        for (uint64_t class = first[sets[i]]; class < first[sets[i] + 1]; class ++) {
            const double score =
                (double)neighbour_highest(work->lists, work->evidence[NEIGHBOUR_OWN], class, sets[1 - i]);
            if (!isfinite(score)) {
                continue;
            }
            const double odds =
                share / (1 - share) * exp(clamp(log_partner(work, score) - log_gumbel(score), -300, 300));
            const double partner = odds / (1 + odds);
            pair->partners += partner;
            pair->rows++;
            sum->score += partner * score;
            sum->square += partner * (score - work->partner_mean) * (score - work->partner_mean);
        }
    }
    sum->weight += pair->partners;
    sum->rows += pair->rows;
}

static void mixture_round(struct judge_work *work)
{
    struct mixture sum = {0};
    for (size_t a = 0; a < work->datasets; a++) {
        for (size_t b = a + 1; b < work->datasets; b++) {
            add_rows(work, a, b, &sum);
        }
    }
    const double weight = sum.weight + 1e-9;
    const double share = clamp(weight / (sum.rows + 1), 1e-3, SHARE_MOST);
    const double mean = sum.score / weight, moved = mean - work->partner_mean;
    const double variance = sum.square / weight - moved * moved;
    work->partner_mean = mean > PARTNER_LEAST ? mean : PARTNER_LEAST;
    work->partner_deviation = clamp(sqrt(variance > 0 ? variance : 0), DEVIATION_LEAST, DEVIATION_MOST);
    for (size_t a = 0; a < work->datasets; a++) {
        for (size_t b = a + 1; b < work->datasets; b++) {
            struct judge_datasets *pair = judge_pair_of(work, a, b);
            pair->shared = clamp((pair->partners + MIXTURE_POOL * share) / (pair->rows + MIXTURE_POOL),
                                 SHARE_LEAST, SHARE_MOST);
            judge_pair_of(work, b, a)->shared = pair->shared;
        }
    }
}

static void fit_mixture(struct judge_work *work)
{
    work->partner_mean = PARTNER_START;
    work->partner_deviation = 1;
    for (size_t i = 0; i < work->datasets * work->datasets; i++) {
        work->pair[i].shared = 0.1;
    }
    for (int round = 0; round < MIXTURE_ROUNDS; round++) {
        mixture_round(work);
    }
}

/* From the scores to the log of the odds. The strangers' tail is exponential; a partner's normal falls faster from
 * some score on, where the odds go on rising slowly. */
static void weigh_class(struct judge_work *work, uint64_t class)
{
    const size_t own = centre_dataset(&work->lists->space, class);
    const double turn = work->partner_mean + GUMBEL_RATE * work->partner_deviation * work->partner_deviation;
    for (size_t b = 0; b < work->datasets; b++) {
        const double share = judge_pair_of(work, own, b)->shared;
        const size_t place = neighbour_place(work->lists, class, b);
        for (int side = 0; side < NEIGHBOUR_SIDES; side++) {
            for (size_t r = 0; r < NEIGHBOUR_WIDTH; r++) {
                float *evidence = &work->evidence[side][place + r];
                const double score = (double)*evidence, until = score < turn ? score : turn;
                *evidence =
                    b == own || !isfinite(score)
                        ? NO_EVIDENCE
                        : (float)(log(share / (1 - share)) + log_partner(work, until) - log(GUMBEL_RATE) +
                                  GUMBEL_RATE * (until + GUMBEL_SHIFT) + BEYOND_TURN * (score - until));
            }
        }
    }
}

void judge_score(struct judge_work *work)
{
    for (size_t a = 0; a < work->datasets; a++) {
        for (size_t b = a + 1; b < work->datasets; b++) {
            fit_strangers(work, a, b);
        }
    }
#pragma omp parallel for num_threads(work->threads)
    for (uint64_t class = 0; class < work->classes; class ++) {
        average_nearest(work, class);
    }
#pragma omp parallel for num_threads(work->threads)
    for (uint64_t class = 0; class < work->classes; class ++) {
        score_class(work, class);
    }
    for (size_t a = 0; a < work->datasets; a++) {
        for (size_t b = a + 1; b < work->datasets; b++) {
            measure_mirrors(work, a, b);
        }
    }
#pragma omp parallel for num_threads(work->threads)
    for (uint64_t class = 0; class < work->classes; class ++) {
        scale_class(work, class);
    }
    fit_mixture(work);
#pragma omp parallel for num_threads(work->threads)
    for (uint64_t class = 0; class < work->classes; class ++) {
        weigh_class(work, class);
    }
}
