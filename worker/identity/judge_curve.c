#include "worker/identity/judge_curve.h"

#define PROBABILITY_LEAST 0.001

static double right_of(const struct judge_bin *bin)
{
    return bin->wrong < 1 ? 1 - bin->wrong : 0;
}

float judge_probability(const struct judge_curve *curve, double odds)
{
    if (!(odds > JUDGE_ODDS_LEAST) || curve->count == 0) {
        return 0;
    }
    size_t i = 0;
    while (i < curve->count && curve->bin[i].odds > odds) {
        i++;
    }
    double probability;
    if (i == 0) {
        probability = right_of(&curve->bin[0]);
    } else if (i == curve->count) {
        probability = right_of(&curve->bin[i - 1]);
    } else {
        const struct judge_bin *high = &curve->bin[i - 1], *low = &curve->bin[i];
        const double part = (odds - low->odds) / (high->odds - low->odds);
        probability = right_of(low) + part * (right_of(high) - right_of(low));
    }
    return probability < PROBABILITY_LEAST ? 0 : (float)probability;
}
