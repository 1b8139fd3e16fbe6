/* Bars and sparklines of `dail tail`. */
#ifndef DAIL_DAEMON_TAIL_TAIL_CHART_H
#define DAIL_DAEMON_TAIL_TAIL_CHART_H

#include <stdbool.h>
#include <stddef.h>

/* A progress bar of `width` characters and brackets, with the percentage: "[####----]  50%". `fraction` is
 * clamped to [0, 1]. */
void tail_bar(double fraction, int width, bool utf8, char *text, size_t size);

/* `values` squeezed to at most `width` characters (means of neighbours), drawn from the lowest to the highest
 * of them; what is not finite is a space. Block characters with `utf8`, else ASCII of rising weight. */
void tail_sparkline(const double *values, int count, int width, bool utf8, char *text, size_t size);

#endif
