#include "daemon/report/report_figure.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct report_figure *report_figure_add(struct report_figures *figures, enum report_section section,
                                        const char *id, const char *title, ...)
{
    va_list arguments;
    if (figures->count == REPORT_FIGURES_MAX) {
        return &figures->figure[REPORT_FIGURES_MAX - 1];
    }
    struct report_figure *figure = &figures->figure[figures->count++];
    *figure = (struct report_figure){
        .section = section,
        .plot = {.x_label = "", .y_label = "", .x_min = NAN, .x_max = NAN, .y_min = NAN, .y_max = NAN}};
    snprintf(figure->id, sizeof figure->id, "%s", id);
    va_start(arguments, title);
    vsnprintf(figure->title, sizeof figure->title, title, arguments);
    va_end(arguments);
    figure->plot.title = figure->title;
    return figure;
}

struct plot_curve *report_figure_curve(struct report_figures *figures, struct report_figure *figure,
                                       const char *name, enum plot_style style, int color, size_t room)
{
    struct plot *plot = &figure->plot;
    struct plot_curve *grown = realloc(plot->curves, (plot->count + 1) * sizeof *grown);
    double *x = malloc((room + 1) * sizeof *x), *y = malloc((room + 1) * sizeof *y);
    plot->curves = grown ? grown : plot->curves;
    if (!grown || !x || !y) {
        free(x);
        free(y);
        figures->no_memory = true;
        return NULL;
    }
    struct plot_curve *curve = &plot->curves[plot->count++];
    *curve = (struct plot_curve){.style = style, .color = color, .x = x, .y = y};
    snprintf(curve->name, sizeof curve->name, "%s", name);
    return curve;
}

void report_curve_point(struct plot_curve *curve, double x, double y)
{
    if (curve) {
        curve->x[curve->count] = x;
        curve->y[curve->count++] = y;
    }
}

void report_figure_rule(struct report_figures *figures, struct report_figure *figure, const char *name,
                        double x, double low)
{
    double high = low;
    for (size_t c = 0; c < figure->plot.count; c++) {
        const struct plot_curve *curve = &figure->plot.curves[c];
        for (size_t i = 0; i < curve->count; i++) {
            high = isfinite(curve->y[i]) ? fmax(high, curve->y[i]) : high;
        }
    }
    struct plot_curve *rule = report_figure_curve(figures, figure, name, PLOT_RULE, 0, 2);
    report_curve_point(rule, x, low);
    report_curve_point(rule, x, high);
}

void report_figures_free(struct report_figures *figures)
{
    for (size_t i = 0; i < figures->count; i++) {
        struct plot *plot = &figures->figure[i].plot;
        for (size_t c = 0; c < plot->count; c++) {
            free(plot->curves[c].x);
            free(plot->curves[c].y);
        }
        free(plot->curves);
    }
    figures->count = 0;
}
