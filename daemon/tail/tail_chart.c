#include "daemon/tail/tail_chart.h"

#include <math.h>
#include <stdio.h>

#define LEVELS 8
#define WIDTH_MAX 512

static const char *const blocks[LEVELS] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
static const char *const weights[LEVELS] = {"_", ".", ",", "-", "~", "=", "+", "#"};

static size_t append(char *text, size_t size, size_t used, const char *piece)
{
    if (used + 1 >= size) {
        return used;
    }
    int length = snprintf(text + used, size - used, "%s", piece);
    return length > 0 && (size_t)length < size - used ? used + (size_t)length : used;
}

void tail_bar(double fraction, int width, bool utf8, char *text, size_t size)
{
    char percent[16];
    size_t used = append(text, size, 0, "[");
    fraction = fraction > 0 ? fraction : 0;
    fraction = fraction < 1 ? fraction : 1;
    int full = (int)(fraction * width);
    for (int i = 0; i < width; i++) {
        used = append(text, size, used, i < full ? (utf8 ? "█" : "#") : (utf8 ? "░" : "-"));
    }
    snprintf(percent, sizeof percent, "] %3d%%", (int)(100 * fraction));
    append(text, size, used, percent);
}

/* The mean of what is finite in values[begin, end). */
static double mean(const double *values, int begin, int end)
{
    double sum = 0;
    int finite = 0;
    for (int i = begin; i < end; i++) {
        if (isfinite(values[i])) {
            sum += values[i];
            finite++;
        }
    }
    return finite > 0 ? sum / finite : NAN;
}

void tail_sparkline(const double *values, int count, int width, bool utf8, char *text, size_t size)
{
    double shown[WIDTH_MAX], low = INFINITY, high = -INFINITY;
    size_t used = 0;
    width = width > WIDTH_MAX ? WIDTH_MAX : width;
    width = width > count ? count : width;
    text[0] = '\0';
    for (int i = 0; i < width; i++) {
        shown[i] =
            mean(values, (int)((long long)count * i / width), (int)((long long)count * (i + 1) / width));
        low = isfinite(shown[i]) ? fmin(low, shown[i]) : low;
        high = isfinite(shown[i]) ? fmax(high, shown[i]) : high;
    }
    for (int i = 0; i < width; i++) {
        if (!isfinite(shown[i])) {
            used = append(text, size, used, " ");
            continue;
        }
        /* In halves: the range of all numbers is none itself. */
        double range = high / 2 - low / 2;
        int level = range > 0 ? (int)((shown[i] / 2 - low / 2) / range * (LEVELS - 1) + 0.5) : 0;
        used = append(text, size, used, utf8 ? blocks[level] : weights[level]);
    }
}
