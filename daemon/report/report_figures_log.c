/* The figures that a status log alone gives. */
#include "daemon/report/report_figure.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Points of a curve over steps: more than a figure has pixels show nothing. */
#define POINTS_MAX 400
/* From so many steps on the axis counts them in thousands. */
#define THOUSANDS_FROM 20000

static const char no_steps[] = "The status log has no step record yet (one comes every log.every steps).";

struct drawing {
    const struct report_log *log;
    struct report_figures *figures;
    double unit; /* steps that the axis counts as one */
    double last; /* where the axis ends */
    const char *axis;
};

static struct drawing drawing_of(const struct report_log *log, struct report_figures *figures)
{
    int64_t last = log->step_count > 0 ? log->steps[log->step_count - 1].step : 0;
    /* An evaluation may come between two steps that are logged. */
    for (size_t i = 0; i < log->eval_count; i++) {
        last = log->evals[i].eval.step > last ? log->evals[i].eval.step : last;
    }
    bool thousands = last >= THOUSANDS_FROM;
    return (struct drawing){.log = log,
                            .figures = figures,
                            .unit = thousands ? 1000 : 1,
                            .last = last > 0 ? (double)last / (thousands ? 1000 : 1) : (double)NAN,
                            .axis = thousands ? "step, in thousands" : "step"};
}

/* A figure whose x axis counts the steps of the run. */
static struct report_figure *add(const struct drawing *drawing, enum report_section section, const char *id,
                                 const char *title, const char *y_label)
{
    struct report_figure *figure = report_figure_add(drawing->figures, section, id, "%s", title);
    figure->plot.x_label = drawing->axis;
    figure->plot.x_min = 0;
    figure->plot.x_max = drawing->last;
    figure->plot.y_label = y_label;
    if (drawing->log->step_count == 0) {
        snprintf(figure->missing, sizeof figure->missing, "%s", no_steps);
    }
    return figure;
}

/* Where in a step record a figure stands. */
#define FIGURE(member) offsetof(struct status_step, member)

/* What a curve is drawn of: the sum of `count` figures of a step, times `scale`. */
struct source {
    size_t figure[3];
    size_t count;
    double scale;
};

static struct source one(size_t figure, double scale)
{
    return (struct source){{figure}, 1, scale};
}

static double value_of(const struct status_step *step, const struct source *source)
{
    double sum = 0;
    for (size_t i = 0; i < source->count; i++) {
        double figure;
        memcpy(&figure, (const char *)step + source->figure[i], sizeof figure);
        sum += figure;
    }
    return source->scale * sum;
}

/* A curve over the steps: means of as many neighbouring records as it takes. */
static void draw(const struct drawing *drawing, struct report_figure *figure, const char *name,
                 enum plot_style style, int color, struct source source)
{
    size_t records = drawing->log->step_count;
    size_t points = records < POINTS_MAX ? records : POINTS_MAX;
    struct plot_curve *curve = report_figure_curve(drawing->figures, figure, name, style, color, points);
    for (size_t p = 0; p < points; p++) {
        size_t begin = records * p / points, end = records * (p + 1) / points, finite = 0;
        double sum = 0, steps = 0;
        for (size_t i = begin; i < end; i++) {
            double value = value_of(&drawing->log->steps[i], &source);
            steps += (double)drawing->log->steps[i].step;
            sum += isfinite(value) ? value : 0;
            finite += isfinite(value) ? 1 : 0;
        }
        report_curve_point(curve, steps / (double)(end - begin) / drawing->unit,
                           finite > 0 ? sum / (double)finite : (double)NAN);
    }
}

/* Where stage 2 begins: the first step whose lambda is not 0; NaN where there is none. */
static double reversal_begin(const struct report_log *log)
{
    for (size_t i = 0; i < log->step_count; i++) {
        if (log->steps[i].lambda > 0) {
            return (double)log->steps[i].step;
        }
    }
    return NAN;
}

static void draw_losses(const struct drawing *drawing)
{
    struct report_figure *figure = add(drawing, REPORT_TRAINING, "losses", "Losses", "loss");
    double reversal = reversal_begin(drawing->log);
    draw(drawing, figure, "whole", PLOT_LINE, 0, one(FIGURE(loss), 1));
    draw(drawing, figure, "identity", PLOT_LINE, 2, one(FIGURE(loss_cls), 1));
    draw(drawing, figure, "domain", PLOT_LINE, 1, one(FIGURE(loss_dom), 1));
    if (isfinite(reversal)) {
        report_figure_rule(drawing->figures, figure, "gradient reversal begins", reversal / drawing->unit, 0);
    }
    snprintf(figure->caption, sizeof figure->caption,
             "Means over the global batch. Identity: the margin softmax. Domain: the head that guesses the "
             "dataset from the embedding.");
}

static double largest_share(const struct report_log *log)
{
    double largest = 0, all = 0;
    for (size_t i = 0; i < log->dataset_count; i++) {
        double images = (double)log->datasets[i].images;
        largest = fmax(largest, images);
        all += images;
    }
    return all > 0 ? largest / all : (double)NAN;
}

static void draw_accuracies(const struct drawing *drawing)
{
    struct report_figure *figure =
        add(drawing, REPORT_TRAINING, "accuracies", "Accuracy on the training batches", "%");
    double share = largest_share(drawing->log);
    draw(drawing, figure, "identity", PLOT_LINE, 2, one(FIGURE(accuracy), 100));
    draw(drawing, figure, "dataset guessed", PLOT_LINE, 1, one(FIGURE(domain_accuracy), 100));
    if (isfinite(share) && isfinite(drawing->last)) {
        struct plot_curve *rule =
            report_figure_curve(drawing->figures, figure, "guessing the largest dataset", PLOT_RULE, 0, 2);
        report_curve_point(rule, 0, 100 * share);
        report_curve_point(rule, drawing->last, 100 * share);
    }
    figure->plot.y_min = 0;
    figure->plot.y_max = 100;
    snprintf(figure->caption, sizeof figure->caption,
             "Dataset guessed: how often the domain head is right. The nearer to guessing, the less the "
             "embedding tells where an image came from.");
}

static void draw_schedules(const struct drawing *drawing)
{
    struct report_figure *rate = add(drawing, REPORT_TRAINING, "learning-rate", "Learning rate", "");
    draw(drawing, rate, "learning rate", PLOT_LINE, 0, one(FIGURE(lr), 1));
    rate->plot.y_min = 0;
    struct report_figure *lambda =
        add(drawing, REPORT_TRAINING, "lambda", "Lambda, the strength of the reversal", "");
    draw(drawing, lambda, "lambda", PLOT_LINE, 3, one(FIGURE(lambda), 1));
    lambda->plot.y_min = 0;
    if (drawing->log->step_count > 0 && !isfinite(reversal_begin(drawing->log))) {
        lambda->plot.y_max = 1;
        snprintf(lambda->caption, sizeof lambda->caption, "0 so far: the reversal has not begun.");
    }
    struct report_figure *norm = add(drawing, REPORT_TRAINING, "gradient-norm", "Gradient norm", "");
    draw(drawing, norm, "gradient norm", PLOT_LINE, 5, one(FIGURE(grad_norm), 1));
    norm->plot.y_min = 0;
    snprintf(norm->caption, sizeof norm->caption, "Backbone and domain head together, before clipping.");
}

static double pairs_estimated(const struct status_groups *groups)
{
    return groups->shared;
}

static double pairs_joined(const struct status_groups *groups)
{
    return (double)groups->pairs;
}

static double pairs_right(const struct status_groups *groups)
{
    return groups->pairs > 0 ? (double)groups->pairs * groups->precision : 0;
}

static void draw_pairs(const struct drawing *drawing, struct report_figure *figure, const char *name,
                       int color, double (*value)(const struct status_groups *groups))
{
    const struct report_log *log = drawing->log;
    struct plot_curve *curve =
        report_figure_curve(drawing->figures, figure, name, PLOT_MARKED_LINE, color, log->group_count);
    for (size_t i = 0; i < log->group_count; i++) {
        report_curve_point(curve, (double)log->groups[i].step / drawing->unit, value(&log->groups[i]));
    }
}

/* Of a run that discovers who is one person. */
static void draw_groups(const struct drawing *drawing)
{
    if (drawing->log->group_count == 0) {
        return;
    }
    struct report_figure *figure =
        add(drawing, REPORT_TRAINING, "identity-groups", "Pairs of classes that are one person", "pairs");
    draw_pairs(drawing, figure, "in all, estimated", 1, pairs_estimated);
    draw_pairs(drawing, figure, "joined", 0, pairs_joined);
    draw_pairs(drawing, figure, "of these right, expected", 2, pairs_right);
    figure->plot.y_min = 0;
    snprintf(figure->caption, sizeof figure->caption,
             "Made anew at each discovery from the centres of the classes. What is expected to be right, and "
             "how many there are in all, the training estimates by itself.");
}

static bool seen_before(const struct report_log *log, size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (strcmp(log->evals[i].eval.set, log->evals[index].eval.set) == 0) {
            return true;
        }
    }
    return false;
}

static void draw_evaluations(const struct drawing *drawing)
{
    const struct report_log *log = drawing->log;
    struct report_figure *figure = add(drawing, REPORT_VERIFICATION, "verification-accuracy",
                                       "Verification accuracy during the run", "%");
    int color = 0;
    for (size_t i = 0; i < log->eval_count; i++) {
        if (seen_before(log, i)) {
            continue;
        }
        struct plot_curve *curve = report_figure_curve(drawing->figures, figure, log->evals[i].eval.set,
                                                       PLOT_MARKED_LINE, color++, log->eval_count);
        for (size_t j = i; j < log->eval_count; j++) {
            if (strcmp(log->evals[j].eval.set, log->evals[i].eval.set) == 0) {
                report_curve_point(curve, (double)log->evals[j].eval.step / drawing->unit,
                                   100 * log->evals[j].eval.accuracy);
            }
        }
    }
    snprintf(figure->caption, sizeof figure->caption, "Ten folds or the set's own, as the field does it.");
    if (log->eval_count == 0) {
        snprintf(
            figure->missing, sizeof figure->missing,
            "The run has not verified yet: it does so every eval.every_steps steps and, with eval.at_end, "
            "after the last, where `validation` lists sets.");
    }
}

static void draw_samples(const struct drawing *drawing)
{
    const struct report_log *log = drawing->log;
    struct report_figure *figure =
        report_figure_add(drawing->figures, REPORT_DATASETS, "samples", "Images of each dataset");
    figure->plot.x_label = "dataset, in the order of the configuration";
    figure->plot.y_label = "images";
    figure->plot.whole_x = log->dataset_count <= 20;
    figure->plot.y_min = 0;
    figure->plot.x_min = 0.4;
    figure->plot.x_max = (double)log->dataset_count + 0.6;
    for (size_t i = 0; i < log->dataset_count; i++) {
        struct plot_curve *curve =
            report_figure_curve(drawing->figures, figure, log->datasets[i].name, PLOT_BARS, (int)i, 1);
        report_curve_point(curve, (double)i + 1, (double)log->datasets[i].images);
    }
    if (log->dataset_count == 0) {
        snprintf(figure->missing, sizeof figure->missing, "The status log names no dataset.");
    }
}

static void draw_speed(const struct drawing *drawing)
{
    const size_t compute = FIGURE(seconds.compute), exchange = FIGURE(seconds.exchange),
                 data = FIGURE(seconds.data);
    struct report_figure *rate = add(drawing, REPORT_SPEED, "throughput", "Throughput", "images/s");
    draw(drawing, rate, "all workers together", PLOT_LINE, 0, one(FIGURE(images_per_second), 1));
    rate->plot.y_min = 0;
    struct report_figure *split = add(drawing, REPORT_SPEED, "step-time", "What a step's time goes to", "s");
    draw(drawing, split, "waiting for data", PLOT_AREA, 1, (struct source){{compute, exchange, data}, 3, 1});
    draw(drawing, split, "waiting for the exchange", PLOT_AREA, 3,
         (struct source){{compute, exchange}, 2, 1});
    draw(drawing, split, "computing", PLOT_AREA, 0, one(compute, 1));
    split->plot.y_min = 0;
    snprintf(split->caption, sizeof split->caption, "Means over the workers, one on top of the other.");
}

static void draw_balance(const struct drawing *drawing)
{
    static const char *const names[3] = {"waiting for data", "waiting for the exchange", "computing"};
    static const int colors[3] = {1, 3, 0};
    const struct report_log *log = drawing->log;
    struct report_figure *figure =
        report_figure_add(drawing->figures, REPORT_SPEED, "balance", "Balance of the workers");
    figure->plot.x_label = "rank";
    figure->plot.y_label = "s per step";
    figure->plot.whole_x = log->worker_count <= 20;
    figure->plot.y_min = 0;
    figure->plot.x_min = 0.4;
    figure->plot.x_max = (double)log->worker_count + 0.6;
    for (int part = 0; part < 3; part++) {
        struct plot_curve *curve = report_figure_curve(drawing->figures, figure, names[part], PLOT_BARS,
                                                       colors[part], log->worker_count);
        for (size_t i = 0; i < log->worker_count; i++) {
            const struct report_worker *worker = &log->workers[i];
            report_curve_point(curve, (double)worker->worker->rank,
                               worker->mean.compute + (part < 2 ? worker->mean.exchange : 0) +
                                   (part < 1 ? worker->mean.data : 0));
        }
    }
    snprintf(
        figure->caption, sizeof figure->caption,
        "Means since the last start. Whoever computes longest is waited for by the others, in the exchange.");
    if (plot_is_empty(&figure->plot)) {
        snprintf(figure->missing, sizeof figure->missing,
                 "No worker has reported a step since the last start.");
    }
}

void report_figures_of_log(const struct report_log *log, struct report_figures *figures)
{
    struct drawing drawing = drawing_of(log, figures);
    draw_losses(&drawing);
    draw_accuracies(&drawing);
    draw_schedules(&drawing);
    draw_groups(&drawing);
    draw_evaluations(&drawing);
    draw_samples(&drawing);
    draw_speed(&drawing);
    draw_balance(&drawing);
}
