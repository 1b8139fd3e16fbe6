#include "worker/identity/judge_match.h"

#include <math.h>
#include <string.h>

#define MATCH_ROUNDS 6
#define EVIDENCE_MOST 60.0
#define SUPPORT_WEIGHT 0.25
#define SUPPORT_PRESENT 0.5 /* that who is in two datasets is in a third */
#define SUPPORT_FLOOR 0.05
#define SHARE_LEAST 0.01
#define SHARE_MOST 0.95

void judge_match_begin(struct judge_work *work)
{
    const uint32_t *classes = work->lists->class[NEIGHBOUR_OWN];
#pragma omp parallel for num_threads(work->threads)
    for (uint64_t class = 0; class < work->classes; class ++) {
        const size_t own = centre_dataset(&work->lists->space, class);
        const size_t begin = neighbour_place(work->lists, class, 0);
        const size_t end = neighbour_place(work->lists, class + 1, 0);
        for (size_t place = begin; place < end; place++) {
            work->reverse[place] = -1;
            if (classes[place] == NEIGHBOUR_NOBODY) {
                continue;
            }
            const size_t back = neighbour_place(work->lists, classes[place], own);
            for (size_t r = 0; r < NEIGHBOUR_WIDTH; r++) {
                if (classes[back + r] == class) {
                    work->reverse[place] = (signed char)r;
                }
            }
        }
    }
}

static double weight_of(const struct judge_work *work, int side, size_t place)
{
    const double evidence = (double)work->evidence[side][place];
    return judge_has(work, side, place) ? exp(evidence < -EVIDENCE_MOST  ? -EVIDENCE_MOST
                                              : evidence > EVIDENCE_MOST ? EVIDENCE_MOST
                                                                         : evidence)
                                        : 0;
}

static double sum_messages(const float *messages, size_t place)
{
    double sum = 0;
    for (size_t r = 0; r < NEIGHBOUR_WIDTH; r++) {
        sum += (double)messages[place + r];
    }
    return sum;
}

/* What the entry's class answers to the class whose list it is in. */
static double answer_of(const struct judge_work *work, const float *messages, size_t own, size_t place)
{
    if (!judge_has(work, NEIGHBOUR_OWN, place)) {
        return 0;
    }
    const size_t back = neighbour_place(work->lists, work->lists->class[NEIGHBOUR_OWN][place], own);
    return work->reverse[place] >= 0
               ? (double)messages[back + (size_t)work->reverse[place]]
               : weight_of(work, NEIGHBOUR_OWN, place) / (1 + sum_messages(messages, back));
}

/* The sum of all values but one. */
static double sum_others(const double *values, size_t left_out)
{
    double sum = 0;
    for (size_t r = 0; r < NEIGHBOUR_WIDTH; r++) {
        sum += r == left_out ? 0 : values[r];
    }
    return sum;
}

static void pass_class(struct judge_work *work, uint64_t class, const float *from, float *to)
{
    const size_t own = centre_dataset(&work->lists->space, class);
    for (size_t b = 0; b < work->datasets; b++) {
        const size_t place = neighbour_place(work->lists, class, b);
        double answer[NEIGHBOUR_WIDTH];
        for (size_t r = 0; r < NEIGHBOUR_WIDTH; r++) {
            answer[r] = b == own ? 0 : answer_of(work, from, own, place + r);
        }
        for (size_t r = 0; r < NEIGHBOUR_WIDTH; r++) {
            to[place + r] = (float)(weight_of(work, NEIGHBOUR_OWN, place + r) / (1 + sum_others(answer, r)));
        }
    }
}

/* What all others say to a class of dataset `own`, but for the one at reverse place `left_out`. */
static double answers_to(const struct judge_work *work, uint64_t class, size_t class_dataset, size_t other,
                         int left_out)
{
    const size_t place = neighbour_place(work->lists, class, other);
    double sum = 0;
    for (size_t r = 0; r < NEIGHBOUR_WIDTH; r++) {
        sum += (int)r == left_out ? 0 : answer_of(work, work->message, class_dataset, place + r);
    }
    return sum;
}

static void match_class(struct judge_work *work, uint64_t class)
{
    const size_t own = centre_dataset(&work->lists->space, class);
    for (size_t b = 0; b < work->datasets; b++) {
        const size_t place = neighbour_place(work->lists, class, b);
        double answer[NEIGHBOUR_SIDES][NEIGHBOUR_WIDTH], towards[NEIGHBOUR_SIDES][NEIGHBOUR_WIDTH];
        for (size_t r = 0; r < NEIGHBOUR_WIDTH && b != own; r++) {
            for (int side = 0; side < NEIGHBOUR_SIDES; side++) {
                answer[side][r] = 0;
                towards[side][r] = 0;
                if (!judge_has(work, side, place + r)) {
                    continue;
                }
                const int reverse = side == NEIGHBOUR_OWN ? work->reverse[place + r] : -1;
                towards[side][r] = answers_to(work, work->lists->class[side][place + r], b, own, reverse);
                answer[side][r] = side == NEIGHBOUR_OWN
                                      ? answer_of(work, work->message, own, place + r)
                                      : weight_of(work, side, place + r) / (1 + towards[side][r]);
            }
        }
        for (int side = 0; side < NEIGHBOUR_SIDES; side++) {
            for (size_t r = 0; r < NEIGHBOUR_WIDTH; r++) {
                work->odds[side][place + r] =
                    b == own || !judge_has(work, side, place + r)
                        ? -INFINITY
                        : (float)((double)work->evidence[side][place + r] -
                                  log1p(sum_others(answer[side], r)) - log1p(towards[side][r]));
            }
        }
    }
}

void judge_match(struct judge_work *work)
{
    float *from = work->message, *to = work->odds[NEIGHBOUR_OWN];
    for (size_t place = 0; place < work->places; place++) {
        from[place] = (float)weight_of(work, NEIGHBOUR_OWN, place);
    }
    for (int round = 0; round < MATCH_ROUNDS; round++) {
#pragma omp parallel for num_threads(work->threads)
        for (uint64_t class = 0; class < work->classes; class ++) {
            pass_class(work, class, from, to);
        }
        memcpy(from, to, work->places * sizeof *from);
    }
#pragma omp parallel for num_threads(work->threads)
    for (uint64_t class = 0; class < work->classes; class ++) {
        match_class(work, class);
    }
}

/* A class's partners in a dataset: the probability of none, what the others are divided by. */
struct partners {
    double none, scale;
};

static struct partners partners_of(const struct judge_work *work, int side, size_t place)
{
    double sum = 0;
    for (size_t r = 0; r < NEIGHBOUR_WIDTH; r++) {
        sum += (double)work->probability[side][place + r];
    }
    return (struct partners){.none = sum < 1 ? 1 - sum : 0, .scale = sum > 1 ? 1 / sum : 1};
}

static double share_of(const struct judge_work *work, size_t a, size_t b)
{
    const double share = judge_pair_of(work, a, b)->matched;
    return share < SHARE_LEAST ? SHARE_LEAST : share > SHARE_MOST ? SHARE_MOST : share;
}

/* The log of what dataset `third` says of a class, or its mirror image, and another class. */
static double third_opinion(const struct judge_work *work, int side, uint64_t class, size_t own,
                            uint64_t other, size_t others, size_t third)
{
    const size_t here = neighbour_place(work->lists, class, third);
    const size_t there = neighbour_place(work->lists, other, third);
    const struct partners mine = partners_of(work, side, here), its = partners_of(work, NEIGHBOUR_OWN, there);
    double both = 0;
    for (size_t r = 0; r < NEIGHBOUR_WIDTH; r++) {
        const double probability = (double)work->probability[side][here + r] * mine.scale;
        for (size_t s = 0; s < NEIGHBOUR_WIDTH && probability > 0; s++) {
            if (work->lists->class[NEIGHBOUR_OWN][there + s] == work->lists->class[side][here + r]) {
                both += probability * (double)work->probability[NEIGHBOUR_OWN][there + s] * its.scale;
            }
        }
    }
    const double share = share_of(work, own, third), other_share = share_of(work, others, third);
    const double ratio = SUPPORT_PRESENT * (double)work->live[third] * both / (share * other_share) +
                         (1 - SUPPORT_PRESENT) * mine.none * its.none / ((1 - share) * (1 - other_share));
    return log(ratio + SUPPORT_FLOOR);
}

static void support_class(struct judge_work *work, uint64_t class)
{
    const size_t own = centre_dataset(&work->lists->space, class);
    for (size_t b = 0; b < work->datasets; b++) {
        const size_t place = neighbour_place(work->lists, class, b);
        for (int side = 0; side < NEIGHBOUR_SIDES && b != own; side++) {
            for (size_t r = 0; r < NEIGHBOUR_WIDTH && judge_has(work, side, place + r); r++) {
                double sum = 0;
                for (size_t third = 0; third < work->datasets; third++) {
                    sum += third == own || third == b
                               ? 0
                               : third_opinion(work, side, class, own, work->lists->class[side][place + r], b,
                                               third);
                }
                work->evidence[side][place + r] += (float)(SUPPORT_WEIGHT * sum);
            }
        }
    }
}

/* The share of each dataset's classes whose partner in each other is found, by the probabilities. */
static void count_matched(struct judge_work *work)
{
    const uint64_t *first = work->lists->space.first_class;
    for (size_t a = 0; a < work->datasets; a++) {
        for (size_t b = 0; b < work->datasets; b++) {
            double sum = 0;
            for (uint64_t class = first[a]; class < first[a + 1] && a != b; class ++) {
                sum += sum_messages(work->probability[NEIGHBOUR_OWN], neighbour_place(work->lists, class, b));
            }
            judge_pair_of(work, a, b)->matched = work->live[a] > 0 ? sum / (double)work->live[a] : 0;
        }
    }
}

void judge_support(struct judge_work *work)
{
    count_matched(work);
#pragma omp parallel for num_threads(work->threads)
    for (uint64_t class = 0; class < work->classes; class ++) {
        support_class(work, class);
    }
}
