/* Golden values from tests/oracle/golden.py: lines of a name, a count, and so many numbers. For cmocka tests,
 * which run in the project's root; a missing file or name fails the test. */
#ifndef DAIL_TESTS_UNIT_GOLDEN_H
#define DAIL_TESTS_UNIT_GOLDEN_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The values of `name`; the caller frees them. */
static inline double *golden_values(const char *path, const char *name, size_t *count)
{
    FILE *file = fopen(path, "r");
    char *line = NULL;
    size_t size = 0;
    double *values = NULL;
    *count = 0;
    if (!file) {
        fail_msg("%s is missing: run the test in the project's root", path);
    }
    while (!values && getline(&line, &size, file) > 0) {
        size_t length = strcspn(line, " ");
        if (length != strlen(name) || strncmp(line, name, length) != 0) {
            continue;
        }
        char *at = line + length;
        *count = strtoul(at, &at, 10);
        values = calloc(*count + 1, sizeof *values);
        for (size_t i = 0; i < *count; i++) {
            values[i] = strtod(at, &at);
        }
    }
    free(line);
    fclose(file);
    if (!values) {
        fail_msg("%s has no %s", path, name);
    }
    return values;
}

static inline float *golden_floats(const char *path, const char *name, size_t *count)
{
    double *values = golden_values(path, name, count);
    float *floats = calloc(*count + 1, sizeof *floats);
    for (size_t i = 0; i < *count; i++) {
        floats[i] = (float)values[i];
    }
    free(values);
    return floats;
}

/* The largest difference over the largest expected value; not a number if any value is none. */
static inline double golden_difference(const float *found, const double *expected, size_t count)
{
    double difference = 0;
    double largest = 1e-30;
    for (size_t i = 0; i < count; i++) {
        double here = fabs((double)found[i] - expected[i]);
        difference = here > difference || isnan(here) ? here : difference;
        largest = fmax(largest, fabs(expected[i]));
    }
    return difference / largest;
}

static inline void golden_check(const char *path, const char *name, const float *found, size_t found_count,
                                double tolerance)
{
    size_t count;
    double *expected = golden_values(path, name, &count);
    double difference = golden_difference(found, expected, count);
    if (count != found_count || !(difference <= tolerance)) {
        fail_msg("%s of %s: %zu values of %zu, relative difference %g > %g", name, path, found_count, count,
                 difference, tolerance);
    }
    free(expected);
}

static inline void assert_near(double found, double expected, double tolerance)
{
    if (!(fabs(found - expected) <= tolerance)) {
        fail_msg("%.12g is not %.12g to %g", found, expected, tolerance);
    }
}

#endif
