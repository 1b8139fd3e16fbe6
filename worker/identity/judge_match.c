#include "worker/identity/judge_match.h"

#include "worker/identity/judge_curve.h"

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

/* Two classes, the first one's mirror image if `side` says so, whose partners in a third dataset are compared. */
struct couple {
    int side;
    uint64_t class[2];
    size_t dataset[2];
};

/* The probability of an entry of a class's list, of dataset `third`, without what dataset `but` said of it. */
typedef double (*entry_probability)(const struct judge_work *work, int side, uint64_t class, size_t own,
                                    size_t place, size_t third, size_t but);

static double ratio_of(const struct judge_work *work, const struct couple *couple, size_t third,
                       entry_probability probability)
{
    const int sides[2] = {couple->side, NEIGHBOUR_OWN};
    size_t place[2];
    struct partners partners[2];
    double share[2], both = 0;
    for (int i = 0; i < 2; i++) {
        place[i] = neighbour_place(work->lists, couple->class[i], third);
        partners[i] = partners_of(work, sides[i], place[i]);
        share[i] = share_of(work, couple->dataset[i], third);
    }
    for (size_t r = 0; r < NEIGHBOUR_WIDTH; r++) {
        if (work->probability[couple->side][place[0] + r] <= 0) {
            continue;
        }
        for (size_t s = 0; s < NEIGHBOUR_WIDTH; s++) {
            if (work->probability[NEIGHBOUR_OWN][place[1] + s] > 0 &&
                work->lists->class[NEIGHBOUR_OWN][place[1] + s] ==
                    work->lists->class[couple->side][place[0] + r]) {
                both += partners[0].scale * partners[1].scale *
                        probability(work, sides[0], couple->class[0], couple -> dataset[0], place[0] + r,
                                    third, couple -> dataset[1]) *
                        probability(work, sides[1], couple->class[1], couple -> dataset[1], place[1] + s,
                                    third, couple -> dataset[0]);
            }
        }
    }
    return SUPPORT_PRESENT * (double)work->live[third] * both / (share[0] * share[1]) +
           (1 - SUPPORT_PRESENT) * partners[0].none * partners[1].none / ((1 - share[0]) * (1 - share[1]));
}

static double whole_probability(const struct judge_work *work, int side, uint64_t class, size_t own,
                                size_t place, size_t third, size_t but)
{
    (void)class;
    (void)own;
    (void)third;
    (void)but;
    return (double)work->probability[side][place];
}

/* The log of what a third dataset says of two classes. */
static double opinion(const struct judge_work *work, const struct couple *couple, size_t third,
                      entry_probability probability)
{
    return log(ratio_of(work, couple, third, probability) + SUPPORT_FLOOR);
}

static double cavity_probability(const struct judge_work *work, int side, uint64_t class, size_t own,
                                 size_t place, size_t third, size_t but)
{
    const double whole = (double)work->probability[side][place];
    if (!work->supported) {
        return whole;
    }
    const struct couple couple = {
        .side = side, .class = {class, work->lists->class[side][place]}, .dataset = {own, third}};
    const double said = SUPPORT_WEIGHT * opinion(work, &couple, but, whole_probability);
    return said > 0 ? (double)judge_probability(&work->curve, (double)work->odds[side][place] - said) : whole;
}

static void support_class(struct judge_work *work, uint64_t class)
{
    const size_t own = centre_dataset(&work->lists->space, class);
    for (size_t b = 0; b < work->datasets; b++) {
        const size_t place = neighbour_place(work->lists, class, b);
        for (int side = 0; side < NEIGHBOUR_SIDES && b != own; side++) {
            for (size_t r = 0; r < NEIGHBOUR_WIDTH && judge_has(work, side, place + r); r++) {
                const struct couple couple = {
                    .side = side, .class = {class, work->lists->class[side][place + r]}, .dataset = {own, b}};
                double sum = 0;
                for (size_t third = 0; third < work->datasets; third++) {
                    sum += third == own || third == b ? 0 : opinion(work, &couple, third, cavity_probability);
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
    work->supported = true;
}
