#include "daemon/overlap/overlap_precision.h"

#include <math.h>
#include <stdlib.h>

#define NORMAL_95 1.959963984540054
/* Mirror images tell how many pairs are wrong, to a deviation of the root of this times as many: strangers who look alike
 * have more chance matches (tests/bench/judge.py). */
#define WRONG_VARIANCE 0.2
/* Where many partners are not found they lift the ranks by which strangers are measured, and less is expected than there
 * is: below it nothing bounds a precision from above. */
#define BOUNDED_LEAST 0.9

struct overlap_precision overlap_precision_of(double expected, size_t people)
{
    struct overlap_precision precision = {.expected = expected, .low = 0, .high = 1, .people = people};
    if (people > 0 && expected > 0) {
        /* As many people as would vary so much by themselves. */
        const double n = 1 / (1 / (double)people + WRONG_VARIANCE * (1 - expected) / expected);
        const double square = NORMAL_95 * NORMAL_95;
        const double middle = (expected + square / (2 * n)) / (1 + square / n);
        const double half =
            NORMAL_95 / (1 + square / n) * sqrt(expected * (1 - expected) / n + square / (4 * n * n));
        precision.low = fmax(middle - half, 0);
        precision.high = expected < BOUNDED_LEAST ? 1 : fmin(middle + half, 1);
    }
    precision.told = expected - precision.low <= OVERLAP_PRECISION_BAR &&
                     precision.high - expected <= OVERLAP_PRECISION_BAR;
    return precision;
}

static uint32_t find_root(uint32_t *parent, uint32_t class_index)
{
    while (parent[class_index] != class_index) {
        parent[class_index] = parent[parent[class_index]];
        class_index = parent[class_index];
    }
    return class_index;
}

enum status overlap_count_people(const struct overlap_pair *pairs, size_t count, const uint64_t *first_class,
                                 size_t datasets, size_t *people, struct error *error)
{
    const size_t classes = (size_t)first_class[datasets];
    uint32_t *parent = malloc((classes + 1) * sizeof *parent);
    bool *is_in = calloc(classes + 1, sizeof *is_in);
    *people = 0;
    if (!parent || !is_in) {
        free(parent);
        free(is_in);
        return error_no_memory(error, "overlap");
    }
    for (uint32_t i = 0; i < classes; i++) {
        parent[i] = i;
    }
    for (size_t i = 0; i < count; i++) {
        uint32_t root[2];
        for (int side = 0; side < 2; side++) {
            const uint32_t class_index = (uint32_t)first_class[pairs[i].dataset[side]] + pairs[i].class[side];
            is_in[class_index] = true;
            root[side] = find_root(parent, class_index);
        }
        parent[root[0]] = root[1];
    }
    for (uint32_t i = 0; i < classes; i++) {
        *people += is_in[i] && parent[i] == i;
    }
    free(parent);
    free(is_in);
    return STATUS_OK;
}

void overlap_precision_print(const struct overlap_precision *precision, FILE *file)
{
    const char *plural = precision->people == 1 ? "person" : "people";
    if (!precision->told) {
        fprintf(file,
                "what precision to expect cannot be told to %.2f: %.2f to %.2f, as the pairs are of %zu %s",
                OVERLAP_PRECISION_BAR, precision->low, precision->high, precision->people, plural);
        return;
    }
    fprintf(file, "expected precision %.2f (%.2f to %.2f, of %zu %s)", precision->expected, precision->low,
            precision->high, precision->people, plural);
}
