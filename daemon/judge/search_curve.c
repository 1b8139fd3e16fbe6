/* The curves of `dail search`: as CSV, or drawn. */
#include "daemon/judge/curve_file.h"
#include "daemon/judge/search_result.h"
#include "daemon/report/plot.h"
#include "proto/file.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define CMC_DRAWN 1000 /* ranks */

/* x and y [count], and of a table a third column, NULL: none. */
struct curve {
    const char *header, *title;
    const char *x_label, *y_label;
    double *x, *y, *third;
    size_t count;
};

static enum status write_table(const struct curve *curve, const char *path, struct error *error)
{
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);
    if (file) {
        fputs(curve->header, file);
    }
    for (size_t i = 0; i < curve->count && file; i++) {
        fprintf(file, "%.9g,%.9g", curve->x[i], curve->y[i]);
        if (curve->third) {
            fprintf(file, ",%.9g", curve->third[i]);
        }
        fputc('\n', file);
    }
    return file_write_printed(path, file, &text, &size, error);
}

static enum status draw(const struct search_result *result, const struct curve *curve, const char *path,
                        struct error *error)
{
    char probes[CURVE_PATH_SIZE], gallery[CURVE_PATH_SIZE], title[2 * CURVE_PATH_SIZE + 64];
    struct plot_curve drawn = {.style = PLOT_LINE, .x = curve->x, .y = curve->y};
    curve_file_shorten(result->probes, probes);
    curve_file_shorten(result->gallery, gallery);
    snprintf(title, sizeof title, "%s of %s in %s", curve->title, probes, gallery);
    snprintf(drawn.name, sizeof drawn.name, "rank 1: %.2f%%", 100 * result->figures.rank[0]);
    for (size_t i = 0; i < curve->count; i++) { /* an axis of decades has no 0 */
        if (curve->x[i] > 0) {
            drawn.x[drawn.count] = curve->x[i];
            drawn.y[drawn.count++] = 100 * curve->y[i];
        }
    }
    const double least = drawn.count > 0 ? drawn.x[0] : 1,
                 most = drawn.count > 0 ? drawn.x[drawn.count - 1] : 1;
    const struct plot plot = {.title = title,
                              .x_label = curve->x_label,
                              .y_label = curve->y_label,
                              .x_min = pow(10, floor(log10(least))),
                              .x_max = fmax(most, 10 * pow(10, floor(log10(least)))),
                              .y_min = NAN,
                              .y_max = 100,
                              .log_x = true,
                              .curves = &drawn,
                              .count = 1};
    return plot_file(&plot, path, error);
}

static enum status write_curve(const struct search_result *result, const struct curve *curve,
                               const char *path, struct error *error)
{
    return curve_file_is_table(path) ? write_table(curve, path, error) : draw(result, curve, path, error);
}

enum status search_write_cmc(const struct search_result *result, const char *path, struct error *error)
{
    const size_t gallery = result->gallery_images + result->distractors;
    const size_t ranks = gallery < CMC_DRAWN ? gallery : CMC_DRAWN;
    struct curve curve = {.header = "rank,rate\n",
                          .title = "CMC",
                          .x_label = "rank",
                          .y_label = "mates within the rank, %",
                          .x = malloc(ranks * sizeof(double)),
                          .y = malloc(ranks * sizeof(double)),
                          .count = ranks};
    enum status status = curve.x && curve.y ? STATUS_OK : error_no_memory(error, path);
    if (status == STATUS_OK) {
        identification_cmc(&result->found, ranks, curve.y);
        for (size_t i = 0; i < ranks; i++) {
            curve.x[i] = (double)(i + 1);
        }
        status = write_curve(result, &curve, path, error);
    }
    free(curve.x);
    free(curve.y);
    return status;
}

enum status search_write_det(const struct search_result *result, const char *path, struct error *error)
{
    const size_t most = result->found.stranger_count + 1;
    if (most == 1) {
        return error_set(error, STATUS_DATA, result->probes,
                         "add probes of people who are not in the gallery",
                         "nobody among the probes is a stranger: there is no FPIR");
    }
    struct curve curve = {.header = "fpir,fnir,threshold\n",
                          .title = "DET",
                          .x_label = "false positive identification rate",
                          .y_label = "false negative identification rate, %",
                          .x = malloc(most * sizeof(double)),
                          .y = malloc(most * sizeof(double)),
                          .third = malloc(most * sizeof(double))};
    enum status status = curve.x && curve.y && curve.third ? STATUS_OK : error_no_memory(error, path);
    if (status == STATUS_OK) {
        curve.count =
            identification_det(&result->found, &result->question, curve.x, curve.y, curve.third, error);
        status = curve.count > 0 ? write_curve(result, &curve, path, error) : STATUS_INTERNAL;
    }
    free(curve.x);
    free(curve.y);
    free(curve.third);
    return status;
}
