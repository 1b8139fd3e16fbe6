/* The figures that the trained network gives. */
#include "daemon/report/report_figure.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Bins of a histogram of cosines. */
#define BINS 80
/* Histograms of so many sets, no more. */
#define SETS_MAX 24

static bool is_drawn(const struct report_set *set)
{
    return set->roc.count > 0;
}

static void draw_roc_of(struct report_figures *figures, struct report_figure *figure,
                        const struct report_set *set, int color)
{
    const struct roc *roc = &set->roc;
    struct plot_curve *curve = report_figure_curve(figures, figure, set->name, PLOT_LINE, color, roc->count);
    if (curve) {
        curve->count = roc_drawn(roc, curve->x, curve->y);
        for (size_t i = 0; i < curve->count; i++) {
            curve->y[i] *= 100;
        }
    }
}

static void draw_roc(const struct report_model *model, struct report_figures *figures)
{
    struct report_figure *figure = report_figure_add(figures, REPORT_VERIFICATION, "roc", "ROC curves");
    double least = 0.1; /* an axis needs a length */
    figure->plot.x_label = "false accept rate";
    figure->plot.y_label = "true accept rate, %";
    figure->plot.log_x = true;
    for (size_t i = 0; i < model->set_count; i++) {
        if (is_drawn(&model->sets[i])) {
            draw_roc_of(figures, figure, &model->sets[i], (int)i);
        }
        for (size_t p = 0; p < model->sets[i].roc.count; p++) {
            least = model->sets[i].roc.far[p] > 0 ? fmin(least, model->sets[i].roc.far[p]) : least;
        }
    }
    figure->plot.x_min = pow(10, floor(log10(least)));
    figure->plot.x_max = 1;
    figure->plot.y_max = 100;
    snprintf(figure->caption, sizeof figure->caption,
             "Of the checkpoint of step %lld. A curve begins at the rate that one different pair is.",
             (long long)model->step);
    if (plot_is_empty(&figure->plot)) {
        snprintf(figure->missing, sizeof figure->missing, "%s",
                 model->set_count > 0 ? "None of the validation sets could be judged: see below."
                                      : "The configuration lists no validation set (`validation`).");
    }
}

static void draw_kind(struct report_figures *figures, struct report_figure *figure,
                      const struct report_set *set, bool same)
{
    double bin[BINS] = {0}, all = 0;
    for (size_t i = 0; i < set->pairs; i++) {
        if ((set->same[i] != 0) == same) {
            double place = (set->cosine[i] + 1) / 2 * BINS;
            bin[place < 0 ? 0 : place >= BINS ? BINS - 1 : (size_t)place]++;
            all++;
        }
    }
    struct plot_curve *curve = report_figure_curve(figures, figure, same ? "same person" : "different people",
                                                   PLOT_STEPS, same ? 0 : 1, BINS + 2);
    int first = 0, last = BINS;
    while (first < last && bin[first] == 0) {
        first++;
    }
    while (last > first && bin[last - 1] == 0) {
        last--;
    }
    report_curve_point(curve, -1 + 2.0 * first / BINS, 0);
    for (int b = first; b < last; b++) {
        report_curve_point(curve, -1 + 2.0 * b / BINS, 100 * bin[b] / all);
    }
    report_curve_point(curve, -1 + 2.0 * last / BINS, 0);
}

static void draw_cosines(const struct report_model *model, size_t index, struct report_figures *figures)
{
    const struct report_set *set = &model->sets[index];
    char id[32];
    snprintf(id, sizeof id, "cosines-%zu", index + 1);
    struct report_figure *figure =
        report_figure_add(figures, REPORT_VERIFICATION, id, "Cosines of the pairs of %s", set->name);
    figure->plot.x_label = "cosine";
    figure->plot.y_label = "% of the pairs";
    figure->plot.y_min = 0;
    if (!is_drawn(set)) {
        snprintf(figure->missing, sizeof figure->missing, "This set could not be judged: %s", set->trouble);
        return;
    }
    draw_kind(figures, figure, set, false);
    draw_kind(figures, figure, set, true);
    report_figure_rule(figures, figure, "threshold", 1 - set->result.threshold / 2, 0);
    snprintf(figure->caption, sizeof figure->caption,
             "%zu pairs, %.2f ± %.2f %% judged rightly, AUC %.4f. What overlaps cannot be told apart.",
             set->pairs, 100 * set->result.accuracy, 100 * set->result.accuracy_std, set->result.auc);
}

static void draw_projection(const struct report_model *model, struct report_figures *figures)
{
    struct report_figure *figure =
        report_figure_add(figures, REPORT_DATASETS, "projection", "Embeddings of the datasets' images");
    size_t used = 0, drawn = 0;
    figure->plot.x_label = "first principal component";
    figure->plot.y_label = "second";
    for (size_t i = 0; i < model->cloud_count; i++) {
        const struct report_cloud *cloud = &model->clouds[i];
        if (cloud->trouble[0] != '\0') {
            int length = snprintf(figure->missing + used, sizeof figure->missing - used, "%s%s",
                                  used > 0 ? " " : "", cloud->trouble);
            used += length > 0 && (size_t)length < sizeof figure->missing - used ? (size_t)length : 0;
        }
        struct plot_curve *curve =
            report_figure_curve(figures, figure, cloud->name, PLOT_POINTS, (int)i, cloud->end - cloud->begin);
        for (size_t p = cloud->begin; p < cloud->end; p++) {
            report_curve_point(curve, model->x[p], model->y[p]);
            drawn++;
        }
    }
    snprintf(
        figure->caption, sizeof figure->caption,
        "%zu images, embedded by the checkpoint of step %lld, along the two directions in which they vary "
        "most (%.1f and %.1f %% of the variance). Where the embedding does not tell the dataset, the "
        "colours mix.",
        drawn, (long long)model->step, 100 * model->share[0], 100 * model->share[1]);
}

/* The same figures with nothing but the reason. */
static void tell_missing(const char *missing, struct report_figures *figures)
{
    struct report_figure *roc = report_figure_add(figures, REPORT_VERIFICATION, "roc", "ROC curves");
    snprintf(roc->missing, sizeof roc->missing, "%s", missing);
    struct report_figure *cosines =
        report_figure_add(figures, REPORT_VERIFICATION, "cosines", "Cosines of the pairs");
    snprintf(cosines->missing, sizeof cosines->missing, "%s", missing);
    struct report_figure *projection =
        report_figure_add(figures, REPORT_DATASETS, "projection", "Embeddings of the datasets' images");
    snprintf(projection->missing, sizeof projection->missing, "%s", missing);
}

void report_figures_of_model(const struct report_model *model, const char *missing,
                             struct report_figures *figures)
{
    if (!model || model->trouble[0] != '\0') {
        tell_missing(model ? model->trouble : missing, figures);
        return;
    }
    draw_roc(model, figures);
    for (size_t i = 0; i < model->set_count && i < SETS_MAX; i++) {
        draw_cosines(model, i, figures);
    }
    draw_projection(model, figures);
}
