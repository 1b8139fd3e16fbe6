#include "worker/evaluate/bootstrap.h"

#include "proto/random.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define OUTSIDE 0.025 /* the share of draws on either side of an interval */

void bootstrap_draw(uint64_t seed, size_t draw, uint32_t people, uint32_t *times)
{
    struct random random = random_stream(seed, RANDOM_BOOTSTRAP, draw, 0);
    memset(times, 0, people * sizeof *times);
    for (uint32_t i = 0; i < people; i++) {
        times[random_below(&random, people)]++;
    }
}

void bootstrap_weigh(const struct people *people, const uint32_t *times, const uint32_t *pair, size_t pairs,
                     uint32_t *weight)
{
    for (size_t i = 0; i < pairs; i++) {
        const uint32_t a = people->of[pair[2 * i]], b = people->of[pair[2 * i + 1]];
        weight[i] = a == b ? times[a] : times[a] * times[b];
    }
}

static int compare(const void *a, const void *b)
{
    const double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static double percentile(const double *sorted, size_t count, double share)
{
    const double place = share * (double)(count - 1);
    const size_t below = (size_t)place;
    const double next = below + 1 < count ? sorted[below + 1] : sorted[below];
    return sorted[below] + (place - (double)below) * (next - sorted[below]);
}

struct interval bootstrap_interval(double *values, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (isfinite(values[i])) {
            values[kept++] = values[i];
        }
    }
    if (kept == 0) {
        return (struct interval){NAN, NAN};
    }
    qsort(values, kept, sizeof *values, compare);
    return (struct interval){percentile(values, kept, OUTSIDE), percentile(values, kept, 1 - OUTSIDE)};
}
