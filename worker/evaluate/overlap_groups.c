#include "worker/evaluate/overlap_groups.h"

#include <math.h>
#include <stdlib.h>

#define ROUNDS_MAX 300
/* No probability changes by more in a round: done. */
#define SETTLED 1e-6
#define VARIANCE_LEAST 1e-6
/* A start takes the pairs above this quantile of cosine + lead / 2 for the upper group. */
static const double starts[] = {0.3, 0.5, 0.7, 0.85, 0.95, 0.99};

struct fit {
    const struct overlap_pair *pairs; /* those that are mutual: [count] */
    size_t count;
    double *upper; /* [count] the probability of the upper group */
    double likelihood; /* its logarithm */
    struct overlap_groups groups;
};

static void features(const struct overlap_pair *pair, double values[2])
{
    values[0] = (double)pair->cosine;
    values[1] = (double)pair->lead;
}

/* The logarithms of both groups' densities, but for what all pairs have in common. */
static void densities(const struct overlap_groups *groups, const struct overlap_pair *pair, double density[2])
{
    double values[2];
    features(pair, values);
    density[0] = log1p(-groups->share);
    density[1] = log(groups->share);
    for (int g = 0; g < 2; g++) {
        for (int f = 0; f < 2; f++) {
            const double off = values[f] - groups->mean[g][f];
            density[g] -= off * off / (2 * groups->variance[f]);
        }
    }
}

double overlap_groups_probability(const struct overlap_groups *groups, const struct overlap_pair *pair)
{
    double density[2];
    densities(groups, pair, density);
    return 1 / (1 + exp(density[0] - density[1]));
}

/* The groups that these probabilities make; false: one of them is empty, or not the upper one. */
static bool maximise(struct fit *fit)
{
    struct overlap_groups *groups = &fit->groups;
    double weight[2] = {0}, sum[2][2] = {{0}}, squares[2] = {0};
    for (size_t i = 0; i < fit->count; i++) {
        double values[2];
        features(&fit->pairs[i], values);
        for (int g = 0; g < 2; g++) {
            const double share = g ? fit->upper[i] : 1 - fit->upper[i];
            weight[g] += share;
            sum[g][0] += share * values[0];
            sum[g][1] += share * values[1];
        }
        squares[0] += values[0] * values[0];
        squares[1] += values[1] * values[1];
    }
    if (!(weight[0] >= 1 && weight[1] >= 1)) {
        return false;
    }
    double apart = 0;
    bool above = true;
    groups->share = weight[1] / (double)fit->count;
    for (int f = 0; f < 2; f++) {
        for (int g = 0; g < 2; g++) {
            groups->mean[g][f] = sum[g][f] / weight[g];
            squares[f] -= sum[g][f] * groups->mean[g][f];
        }
        groups->variance[f] = fmax(squares[f] / (double)fit->count, VARIANCE_LEAST);
        const double gap = groups->mean[1][f] - groups->mean[0][f];
        above = above && gap > 0;
        apart += gap * gap / groups->variance[f];
    }
    groups->apart = sqrt(apart);
    return above;
}

/* The probabilities that these groups make; returns the largest change. */
static double expect(struct fit *fit)
{
    const struct overlap_groups *groups = &fit->groups;
    double change = 0;
    fit->likelihood = -0.5 * (double)fit->count * log(groups->variance[0] * groups->variance[1]);
    for (size_t i = 0; i < fit->count; i++) {
        double density[2];
        densities(groups, &fit->pairs[i], density);
        const double high = fmax(density[0], density[1]);
        const double sum = high + log(exp(density[0] - high) + exp(density[1] - high));
        const double upper = exp(density[1] - sum);
        fit->likelihood += sum;
        change = fmax(change, fabs(upper - fit->upper[i]));
        fit->upper[i] = upper;
    }
    return change;
}

static bool settle(struct fit *fit)
{
    for (int round = 0; round < ROUNDS_MAX; round++) {
        if (!maximise(fit)) {
            return false;
        }
        if (expect(fit) < SETTLED) {
            break;
        }
    }
    return true;
}

static double first_score(const struct overlap_pair *pair)
{
    return (double)pair->cosine + (double)pair->lead / 2;
}

static int compare_numbers(const void *left, const void *right)
{
    const double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* Of several starts the likeliest end. */
static bool fit_all(struct fit *fit, const double *sorted, struct overlap_groups *groups)
{
    double best = -INFINITY;
    for (size_t s = 0; s < sizeof starts / sizeof *starts; s++) {
        const double least = sorted[(size_t)(starts[s] * (double)(fit->count - 1))];
        for (size_t i = 0; i < fit->count; i++) {
            fit->upper[i] = first_score(&fit->pairs[i]) > least ? 1 : 0;
        }
        if (settle(fit) && fit->likelihood > best) {
            best = fit->likelihood;
            *groups = fit->groups;
        }
    }
    return isfinite(best);
}

enum status overlap_groups_fit(const struct overlap_pair *pairs, size_t count, struct overlap_groups *groups,
                               struct error *error)
{
    struct overlap_pair *mutual = malloc((count + 1) * sizeof *mutual);
    double *sorted = malloc((count + 1) * sizeof *sorted), *upper = malloc((count + 1) * sizeof *upper);
    struct fit fit = {.pairs = mutual, .upper = upper};
    enum status status = STATUS_OK;
    *groups = (struct overlap_groups){0};
    if (!mutual || !sorted || !upper) {
        status = error_no_memory(error, "overlap");
    }
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        if (pairs[i].mutual) {
            sorted[fit.count] = first_score(&pairs[i]);
            mutual[fit.count++] = pairs[i];
        }
    }
    if (status == STATUS_OK) {
        qsort(sorted, fit.count, sizeof *sorted, compare_numbers);
        if (fit.count < OVERLAP_GROUPS_LEAST || !fit_all(&fit, sorted, groups)) {
            status =
                error_set(error, STATUS_DATA, "overlap", "give the least cosine by --min-cosine",
                          "%zu pairs are too few, or too much alike, to tell two groups apart", fit.count);
        }
    }
    free(mutual);
    free(sorted);
    free(upper);
    return status;
}
