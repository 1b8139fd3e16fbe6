/* Tables and JSON of what `dail eval` found. */
#include "daemon/judge/eval_result.h"
#include "daemon/judge/judge_json.h"

#include "proto/json_value.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const far_names[VERIFICATION_FARS] = {"1e-2", "1e-3", "1e-4"};

enum status eval_results_create(struct eval_results *results, size_t models, size_t sets, struct error *error)
{
    *results = (struct eval_results){.models = calloc(models, sizeof *results->models), .sets = sets};
    if (!results->models) {
        return error_no_memory(error, "eval");
    }
    for (size_t i = 0; i < models; i++) {
        results->models[i].results = calloc(sets, sizeof(struct eval_result));
        results->model_count++;
        if (!results->models[i].results) {
            return error_no_memory(error, "eval");
        }
    }
    return STATUS_OK;
}

void eval_results_free(struct eval_results *results)
{
    for (size_t i = 0; i < results->model_count; i++) {
        struct eval_model *model = &results->models[i];
        for (size_t k = 0; k < results->sets && model->results; k++) {
            roc_free(&model->results[k].roc);
            free(model->results[k].drawn);
        }
        free(model->results);
    }
    free(results->models);
    *results = (struct eval_results){0};
}

static void format_rate(double rate, char *text, size_t size)
{
    if (rate < 0 || isnan(rate)) {
        snprintf(text, size, "-");
    } else {
        snprintf(text, size, "%.2f", 100 * rate);
    }
}

static void format_interval(struct interval interval, char *text, size_t size)
{
    snprintf(text, size, "%.2f .. %.2f", 100 * interval.low, 100 * interval.high);
}

static void print_model(const struct eval_model *model)
{
    printf("%s: %s, input %d, %d values, width %g, ", model->path, model->network.arch, model->network.input,
           model->network.embedding, model->network.width);
    if (model->imported) {
        printf("imported\n");
    } else if (model->untrained) {
        printf("UNTRAINED: the weights it began with\n");
    } else {
        printf("trained\nafter step %lld of %lld\n", (long long)model->step, (long long)model->steps);
    }
}

void eval_print_heading(const struct eval_model *model)
{
    print_model(model);
    printf("%-24s %7s %8s %6s %9s %8s %8s %8s %8s %8s %7s\n", "set", "pairs", "acc %", "+-", "threshold",
           "AUC", "EER %", "TAR@1e-2", "TAR@1e-3", "TAR@1e-4", "norm");
}

/* figure [FIGURES] as a row goes on behind the number of pairs. */
static void print_figures(const double *figure)
{
    printf(" %8.2f %6.2f %9.2f %8.5f %8.2f", 100 * figure[FIGURE_ACCURACY], 100 * figure[FIGURE_ACCURACY_STD],
           figure[FIGURE_THRESHOLD], figure[FIGURE_AUC], 100 * figure[FIGURE_EER]);
    for (int i = FIGURE_TAR; i < FIGURES; i++) {
        char rate[16];
        format_rate(figure[i], rate, sizeof rate);
        printf(" %8s", rate);
    }
}

static void print_interval(const struct verification_interval *interval)
{
    double low[FIGURES], high[FIGURES];
    char name[32];
    for (int i = 0; i < FIGURES; i++) {
        low[i] = interval->figure[i].low;
        high[i] = interval->figure[i].high;
    }
    snprintf(name, sizeof name, "  %u people: 95%% from", interval->people);
    printf("%-24s %7s", name, "");
    print_figures(low);
    printf("\n%24s %7s", "to", "");
    print_figures(high);
    printf("\n");
}

void eval_print_row(const struct eval_result *result)
{
    double figure[FIGURES];
    for (int i = 0; i < FIGURES; i++) {
        figure[i] = verification_figure(&result->score, i);
    }
    printf("%-24s %7zu", result->set, result->score.pairs);
    print_figures(figure);
    printf(" %7.2f\n", result->score.norm);
    if (result->interval.people > 0) {
        print_interval(&result->interval);
    }
    fflush(stdout);
}

static void print_fairness(const char *name, const double *figure)
{
    char skew[16];
    snprintf(skew, sizeof skew, isnan(figure[FAIRNESS_SKEW]) ? "-" : "%.2f", figure[FAIRNESS_SKEW]);
    printf("%-24s %7s %8.2f %6.2f %9s\n", name, "", 100 * figure[FAIRNESS_MEAN], 100 * figure[FAIRNESS_STD],
           skew);
}

void eval_print_fairness(const struct eval_results *results)
{
    if (!results->groups) {
        return;
    }
    printf("\n%-24s %7s %8s %6s %9s\n", "groups", "", "mean %", "+-", "skew");
    for (size_t i = 0; i < results->model_count; i++) {
        const struct fairness *fairness = &results->models[i].fairness;
        char name[48];
        snprintf(name, sizeof name, results->model_count > 1 ? "%zu groups by [%zu]" : "%zu groups",
                 results->sets, i + 1);
        print_fairness(name, fairness->figure);
        if (results->bootstrap.draws > 0) {
            double low[FAIRNESS_FIGURES], high[FAIRNESS_FIGURES];
            for (int k = 0; k < FAIRNESS_FIGURES; k++) {
                low[k] = fairness->interval[k].low;
                high[k] = fairness->interval[k].high;
            }
            print_fairness("  95% from", low);
            print_fairness("  to", high);
        }
    }
}

void eval_print_footing(const struct eval_results *results)
{
    if (results->bootstrap.draws > 0) {
        printf("\nIntervals of 95%%: %d draws of as many people. Sets do not name people: those of a pair "
               "are told apart\n"
               "by the pairs of one person and by images that are the same.\n",
               results->bootstrap.draws);
    }
}

/* --- Side by side --- */

static void print_columns(const char *what, size_t models)
{
    printf("\n%-24s %7s", what, "pairs");
    for (size_t i = 0; i < models; i++) {
        char number[24];
        snprintf(number, sizeof number, "[%zu]", i + 1);
        printf(" %15s", number);
    }
    printf("\n");
}

/* Below the row of a set the intervals of one of its figures. */
static void print_intervals(const struct eval_results *results, size_t set, int figure)
{
    if (results->bootstrap.draws == 0) {
        return;
    }
    char name[32];
    snprintf(name, sizeof name, "  95%% by %u people", results->models[0].results[set].interval.people);
    printf("%-24s %7s", name, "");
    for (size_t i = 0; i < results->model_count; i++) {
        char text[32];
        format_interval(results->models[i].results[set].interval.figure[figure], text, sizeof text);
        printf(" %15s", text);
    }
    printf("\n");
}

static void print_accuracies(const struct eval_results *results)
{
    print_columns("accuracy %", results->model_count);
    for (size_t k = 0; k < results->sets; k++) {
        const struct eval_result *first = &results->models[0].results[k];
        printf("%-24s %7zu", first->set, first->score.pairs);
        for (size_t i = 0; i < results->model_count; i++) {
            const struct verification *score = &results->models[i].results[k].score;
            printf(" %6.2f +- %5.2f", 100 * score->accuracy, 100 * score->accuracy_std);
        }
        printf("\n");
        print_intervals(results, k, FIGURE_ACCURACY);
    }
}

/* Sets that are too small for this FAR are left out, and without any the whole. */
static void print_rates(const struct eval_results *results, int far)
{
    bool begun = false;
    for (size_t k = 0; k < results->sets; k++) {
        const struct eval_result *first = &results->models[0].results[k];
        char title[32];
        if (first->score.tar[far] < 0) {
            continue;
        }
        if (!begun) {
            snprintf(title, sizeof title, "TAR %% at FAR %s", far_names[far]);
            print_columns(title, results->model_count);
            begun = true;
        }
        printf("%-24s %7zu", first->set, first->score.pairs);
        for (size_t i = 0; i < results->model_count; i++) {
            char rate[16];
            format_rate(results->models[i].results[k].score.tar[far], rate, sizeof rate);
            printf(" %15s", rate);
        }
        printf("\n");
        print_intervals(results, k, FIGURE_TAR + far);
    }
}

void eval_print_comparison(const struct eval_results *results)
{
    for (size_t i = 0; i < results->model_count; i++) {
        printf("[%zu] ", i + 1);
        print_model(&results->models[i]);
    }
    print_accuracies(results);
    for (int far = 0; far < VERIFICATION_FARS; far++) {
        print_rates(results, far);
    }
    eval_print_fairness(results);
    eval_print_footing(results);
}

/* --- JSON --- */

/* Names of the figures, and of a set's intervals. */
static const char *const figure_names[FIGURE_TAR] = {[FIGURE_ACCURACY] = "accuracy",
                                                     [FIGURE_ACCURACY_STD] = "accuracy_std",
                                                     [FIGURE_THRESHOLD] = "threshold",
                                                     [FIGURE_AUC] = "auc",
                                                     [FIGURE_EER] = "eer"};

/* {"people": ..., "accuracy": [low, high], ..., "tar": {"1e-2": [low, high]}} */
static json_t *make_interval(const struct eval_result *result)
{
    json_t *tar = json_object(), *object = json_object();
    json_object_set_new(object, "people", json_integer(result->interval.people));
    for (int i = 0; i < FIGURES; i++) {
        const struct interval interval = result->interval.figure[i];
        if (!isnan(verification_figure(&result->score, i))) {
            json_object_set_new(i < FIGURE_TAR ? object : tar,
                                i < FIGURE_TAR ? figure_names[i] : far_names[i - FIGURE_TAR],
                                json_pack("[o, o]", json_figure(interval.low), json_figure(interval.high)));
        }
    }
    json_object_set_new(object, "tar", tar);
    return object;
}

static json_t *make_set(const struct eval_result *result)
{
    const struct verification *score = &result->score;
    json_t *tar = json_object();
    for (int i = 0; i < VERIFICATION_FARS; i++) {
        if (score->tar[i] >= 0) {
            json_object_set_new(tar, far_names[i], json_real(score->tar[i]));
        }
    }
    json_t *object =
        json_pack("{s:o, s:o, s:I, s:f, s:f, s:f, s:f, s:f, s:f, s:o}", "set", json_text(result->set), "file",
                  json_text(result->file), "pairs", (json_int_t)score->pairs, "accuracy", score->accuracy,
                  "accuracy_std", score->accuracy_std, "threshold", score->threshold, "auc", score->auc,
                  "eer", score->eer, "norm", score->norm, "tar", tar);
    if (object && result->interval.people > 0) {
        json_object_set_new(object, "interval", make_interval(result));
    }
    return object;
}

/* {"mean": ..., "std": ..., "skewed_error_ratio": ..., "interval": {...}} */
static json_t *make_fairness(const struct eval_results *results, const struct fairness *fairness)
{
    static const char *const names[FAIRNESS_FIGURES] = {"mean", "std", "skewed_error_ratio"};
    json_t *object = json_object(), *interval = json_object();
    for (int i = 0; i < FAIRNESS_FIGURES; i++) {
        json_object_set_new(object, names[i], json_figure(fairness->figure[i]));
        json_object_set_new(interval, names[i],
                            json_pack("[o, o]", json_figure(fairness->interval[i].low),
                                      json_figure(fairness->interval[i].high)));
    }
    if (results->bootstrap.draws > 0) {
        json_object_set_new(object, "interval", interval);
    } else {
        json_decref(interval);
    }
    return object;
}

static json_t *make_model(const struct eval_results *results, const struct eval_model *model)
{
    json_t *array = json_array();
    for (size_t i = 0; i < results->sets; i++) {
        json_t *set = make_set(&model->results[i]);
        if (!set || json_array_append_new(array, set) != 0) {
            json_decref(array);
            return NULL;
        }
    }
    json_t *object = json_pack("{s:o, s:o, s:I, s:b, s:o}", "checkpoint", json_text(model->path), "arch",
                               json_text(model->network.arch), "step", (json_int_t)model->step, "untrained",
                               (int)model->untrained, "sets", array);
    if (object && results->groups) {
        json_object_set_new(object, "groups", make_fairness(results, &model->fairness));
    }
    if (object && results->bootstrap.draws > 0) {
        json_object_set_new(object, "bootstrap", judge_json_bootstrap(&results->bootstrap));
    }
    return object;
}

enum status eval_print_json(const struct eval_results *results, struct error *error)
{
    json_t *models = json_array();
    bool whole = models;
    for (size_t i = 0; i < results->model_count && whole; i++) {
        json_t *model = make_model(results, &results->models[i]);
        whole = model && json_array_append_new(models, model) == 0;
    }
    if (!whole) {
        json_decref(models);
        return error_set(error, STATUS_INTERNAL, "eval", NULL, "the results cannot be put as JSON");
    }
    json_t *shown = results->model_count == 1 ? json_incref(json_array_get(models, 0))
                                              : json_pack("{s:O}", "models", models);
    if (!shown) {
        json_decref(models);
        return error_no_memory(error, "eval");
    }
    judge_json_print(shown);
    json_decref(models);
    return STATUS_OK;
}
