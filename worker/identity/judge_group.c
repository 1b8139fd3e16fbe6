#include "worker/identity/judge.h"

#include <stdlib.h>

struct grouping {
    struct judge_pair *sorted; /* [count] by class */
    size_t count;
    struct identity_groups *groups;
};

static int compare_classes(const void *first, const void *second)
{
    const struct judge_pair *a = first, *b = second;
    for (int i = 0; i < 2; i++) {
        if (a->class[i] != b->class[i]) {
            return a->class[i] < b->class[i] ? -1 : 1;
        }
    }
    return 0;
}

/* 0 for a pair that is not in the judgement. */
static double probability_of(const struct grouping *grouping, uint32_t a, uint32_t b)
{
    const struct judge_pair key = {.class = {a < b ? a : b, a < b ? b : a}};
    const struct judge_pair *found =
        bsearch(&key, grouping->sorted, grouping->count, sizeof key, compare_classes);
    return found ? (double)found->probability : 0;
}

/* The mean probability of all pairs of a member of one group and one of the other; -1 where one is rejected. */
static double agreement(const struct grouping *grouping, uint32_t a, uint32_t b)
{
    double sum = 0;
    size_t pairs = 0;
    uint32_t mine = a;
    do {
        uint32_t other = b;
        do {
            const double probability = probability_of(grouping, mine, other);
            if (probability < 0) {
                return -1;
            }
            sum += probability;
            pairs++;
            other = grouping->groups->next[other];
        } while (other != b);
        mine = grouping->groups->next[mine];
    } while (mine != a);
    return sum / (double)pairs;
}

/* The pair's own, or what the way through a third member gives where that is more. */
static double best_probability(const struct grouping *grouping, uint32_t a, uint32_t b)
{
    double best = probability_of(grouping, a, b);
    for (uint32_t third = grouping->groups->next[a]; third != a; third = grouping->groups->next[third]) {
        if (third != b) {
            const double way = probability_of(grouping, a, third) * probability_of(grouping, third, b);
            best = way > best ? way : best;
        }
    }
    return best;
}

static void count_pairs(const struct grouping *grouping, struct judge_groups *made)
{
    const struct identity_groups *groups = grouping->groups;
    for (uint64_t class = 0; class < groups->first_class[groups->datasets]; class ++) {
        /* The ring ascends from its home, where it ends. */
        for (uint32_t other = groups->next[class]; other > class; other = groups->next[other]) {
            made->pairs++;
            made->expected += best_probability(grouping, (uint32_t) class, other);
        }
    }
}

enum status judge_group(const struct judgement *judgement, double min_probability,
                        struct identity_groups *groups, struct judge_groups *made, struct error *error)
{
    struct grouping grouping = {.count = judgement->count, .groups = groups};
    *made = (struct judge_groups){0};
    grouping.sorted = malloc((judgement->count + 1) * sizeof *grouping.sorted);
    if (!grouping.sorted) {
        return error_no_memory(error, "identity groups");
    }
    for (size_t i = 0; i < judgement->count; i++) {
        grouping.sorted[i] = judgement->pairs[i];
    }
    qsort(grouping.sorted, grouping.count, sizeof *grouping.sorted, compare_classes);
    for (size_t i = 0; i < judgement->count; i++) {
        const struct judge_pair *pair = &judgement->pairs[i];
        if ((double)pair->probability < min_probability) {
            break;
        }
        if (groups->home[pair->class[0]] != groups->home[pair->class[1]] &&
            agreement(&grouping, pair->class[0], pair -> class[1]) >= JUDGE_AGREEMENT * min_probability) {
            identity_groups_join(groups, pair->class[0], pair -> class[1], NULL);
        }
    }
    count_pairs(&grouping, made);
    free(grouping.sorted);
    return STATUS_OK;
}
