/* The ROC and DET curves of `dail eval`: as CSV, or drawn. */
#include "daemon/judge/curve_file.h"
#include "daemon/judge/eval_result.h"
#include "daemon/report/plot.h"
#include "proto/file.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Of a DET curve the false reject rate stands where of a ROC curve the true accept rate does. */
enum kind_of_curve { CURVE_ROC, CURVE_DET };

static enum status write_csv(const struct eval_results *results, enum kind_of_curve kind, const char *path,
                             struct error *error)
{
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);
    if (file) {
        fputs(kind == CURVE_DET ? "model,set,far,frr,threshold\n" : "model,set,far,tar,threshold\n", file);
    }
    for (size_t i = 0; i < results->model_count * results->sets && file; i++) {
        const struct eval_model *model = &results->models[i / results->sets];
        const struct eval_result *result = &model->results[i % results->sets];
        for (size_t p = 0; p < result->roc.count; p++) {
            curve_file_print_text(file, model->path);
            fputc(',', file);
            curve_file_print_text(file, result->set);
            fprintf(file, ",%.9g,%.9g,%.9g\n", result->roc.far[p],
                    kind == CURVE_DET ? 1 - result->roc.tar[p] : result->roc.tar[p],
                    result->roc.threshold[p]);
        }
    }
    return file_write_printed(path, file, &text, &size, error);
}

/* The name of a curve: the set, the model where there are several, and the area below it. */
static void name_curve(const struct eval_results *results, size_t i, char *name, size_t size)
{
    const struct eval_model *model = &results->models[i / results->sets];
    const struct eval_result *result = &model->results[i % results->sets];
    char path[CURVE_PATH_SIZE];
    curve_file_shorten(model->path, path);
    if (results->model_count > 1) {
        snprintf(name, size, "[%zu] %.48s by %s, AUC %.4f", i / results->sets + 1, result->set, path,
                 result->score.auc);
    } else {
        snprintf(name, size, "%.128s, AUC %.4f", result->set, result->score.auc);
    }
}

/* What is shown: of one model by name, of several the curves name them. */
static void name_plot(const struct eval_results *results, enum kind_of_curve kind, char *title, size_t size)
{
    const char *what = kind == CURVE_DET ? "DET" : "ROC";
    char path[CURVE_PATH_SIZE];
    if (results->model_count > 1) {
        snprintf(title, size, "%s of %zu models", what, results->model_count);
    } else {
        curve_file_shorten(results->models[0].path, path);
        snprintf(title, size, "%s of %s", what, path);
    }
}

static enum status make_curve(const struct eval_results *results, enum kind_of_curve kind, size_t i,
                              struct plot_curve *curve, struct error *error)
{
    const struct eval_result *result = &results->models[i / results->sets].results[i % results->sets];
    const size_t most = result->roc.count;
    *curve = (struct plot_curve){.style = PLOT_LINE,
                                 .color = (int)i,
                                 .x = malloc((most + 1) * sizeof(double)),
                                 .y = malloc((most + 1) * sizeof(double))};
    if (!curve->x || !curve->y) {
        return error_no_memory(error, "eval");
    }
    name_curve(results, i, curve->name, sizeof curve->name);
    curve->count = roc_drawn(&result->roc, curve->x, curve->y);
    for (size_t p = 0; p < curve->count; p++) {
        curve->y[p] = kind == CURVE_DET ? 100 * (1 - curve->y[p]) : 100 * curve->y[p];
    }
    return STATUS_OK;
}

static enum status write_svg(const struct eval_results *results, enum kind_of_curve kind, const char *path,
                             struct error *error)
{
    const size_t count = results->model_count * results->sets;
    struct plot_curve curves[PLOT_COLORS] = {0};
    double least = 0.1; /* an axis needs a length */
    char title[CURVE_PATH_SHOWN + 32];
    enum status status = STATUS_OK;
    name_plot(results, kind, title, sizeof title);
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        status = make_curve(results, kind, i, &curves[i], error);
        if (curves[i].count > 0) {
            least = fmin(least, curves[i].x[0]);
        }
    }
    struct plot plot = {.title = title,
                        .x_label = "false accept rate",
                        .y_label = kind == CURVE_DET ? "false reject rate, %" : "true accept rate, %",
                        .x_min = pow(10, floor(log10(least))),
                        .x_max = 1,
                        .y_min = NAN,
                        .y_max = kind == CURVE_DET ? NAN : 100,
                        .log_x = true,
                        .curves = curves,
                        .count = count};
    if (status == STATUS_OK) {
        status = plot_file(&plot, path, error);
    }
    for (size_t i = 0; i < count; i++) {
        free(curves[i].x);
        free(curves[i].y);
    }
    return status;
}

static enum status write_curves(const struct eval_results *results, enum kind_of_curve kind, const char *path,
                                struct error *error)
{
    return curve_file_is_table(path) ? write_csv(results, kind, path, error)
                                     : write_svg(results, kind, path, error);
}

enum status eval_write_roc(const struct eval_results *results, const char *path, struct error *error)
{
    return write_curves(results, CURVE_ROC, path, error);
}

enum status eval_write_det(const struct eval_results *results, const char *path, struct error *error)
{
    return write_curves(results, CURVE_DET, path, error);
}
