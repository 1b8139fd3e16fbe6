/* Plots, drawn by gnuplot: curves over a pair of axes, as SVG to be put within an HTML page, or as PNG.
 */
#ifndef DAIL_DAEMON_REPORT_PLOT_H
#define DAIL_DAEMON_REPORT_PLOT_H

#include "proto/error.h"

#include <stdbool.h>
#include <stddef.h>

/* Curves count their colours from 0 and begin anew, dashed, after so many. */
#define PLOT_COLORS 8

enum plot_style {
    PLOT_LINE,
    PLOT_MARKED_LINE, /* with its points */
    PLOT_POINTS,
    PLOT_AREA, /* filled down to 0; later curves cover earlier ones */
    PLOT_STEPS, /* a histogram: x is where a bin begins, the last point ends it */
    PLOT_BARS, /* 0.7 wide, around x */
    PLOT_RULE /* a thin dashed line, of no colour */
};

struct plot_curve {
    char name[160]; /* any text */
    enum plot_style style;
    int color;
    double *x, *y; /* [count]; a y that is not finite is a gap */
    size_t count;
};

struct plot {
    const char *title; /* any text; of a PNG: a page has its own */
    const char *x_label, *y_label; /* ASCII without quotes */
    double x_min, x_max, y_min, y_max; /* NaN: as the data ask */
    bool log_x;
    bool whole_x; /* no ticks between whole numbers */
    struct plot_curve *curves;
    size_t count;
};

/* Whether anything would be seen: gnuplot refuses to draw nothing. */
bool plot_is_empty(const struct plot *plot);

/* An <svg> element of 480 x 300 that scales with its surroundings, without a legend. Colours are CSS
 * variables:
 * --plot-frame, --plot-grid, --plot-0, ... Ids within it begin with `id`, which also must be plain ASCII. The
 * caller frees the text. Errors as gnuplot_run. */
enum status plot_svg(const struct plot *plot, const char *id, char **svg, struct error *error);

/* Writes a drawing of its own with title and legend: an SVG of 900 x 600 where `path` ends in ".svg", else a PNG of
 * 1200 x 800; higher by what the legend takes. STATUS_STORAGE besides. */
enum status plot_file(const struct plot *plot, const char *path, struct error *error);

/* The CSS colour of a variable: "frame", "grid", or a curve's, on a light or a dark ground. */
const char *plot_frame_color(bool dark);
const char *plot_grid_color(bool dark);
const char *plot_color(int color, bool dark);

#endif
