/* The figures of a report: plots with their words, made one after the other into a list.
 */
#ifndef DAIL_DAEMON_REPORT_REPORT_FIGURE_H
#define DAIL_DAEMON_REPORT_REPORT_FIGURE_H

#include "daemon/report/plot.h"
#include "daemon/report/report_log.h"
#include "daemon/report/report_model.h"

enum report_section { REPORT_TRAINING, REPORT_VERIFICATION, REPORT_DATASETS, REPORT_SPEED, REPORT_SECTIONS };

struct report_figure {
    char id[32]; /* plain ASCII, unique: also the name of its PNG */
    enum report_section section;
    char title[192];
    char caption[512];
    char missing[640]; /* why there is nothing to draw; else empty */
    struct plot plot;
};

#define REPORT_FIGURES_MAX 64

struct report_figures {
    struct report_figure figure[REPORT_FIGURES_MAX];
    size_t count;
    bool no_memory; /* some curves are not complete */
};

/* Adds a figure with free ranges and without curves; the last one again when there are too many. `title` and
 * what follows is printf's. */
struct report_figure *report_figure_add(struct report_figures *figures, enum report_section section,
                                        const char *id, const char *title, ...)
    __attribute__((format(printf, 4, 5)));
/* Adds a curve with room for `room` points and count 0; its memory is the figure's, and the pointer is good until the
 * figure's next curve is added. `name` is cut to fit.
 * NULL, and figures->no_memory, where there is none. */
struct plot_curve *report_figure_curve(struct report_figures *figures, struct report_figure *figure,
                                       const char *name, enum plot_style style, int color, size_t room);
/* Adds a point; does nothing where `curve` is NULL. */
void report_curve_point(struct plot_curve *curve, double x, double y);
/* A vertical rule at x, as high as the curves that there are so far, from `low` on; named. */
void report_figure_rule(struct report_figures *figures, struct report_figure *figure, const char *name,
                        double x, double low);

void report_figures_free(struct report_figures *figures);

/* --- The figures themselves; each is there whatever the data, if only to say that there are none. --- */

/* Losses, accuracies, schedules, evaluations, samples per dataset, speed, balance. */
void report_figures_of_log(const struct report_log *log, struct report_figures *figures);

/* ROC curves, cosines, the projection. `model` is NULL where it was left out, and `missing` says why. */
void report_figures_of_model(const struct report_model *model, const char *missing,
                             struct report_figures *figures);

#endif
