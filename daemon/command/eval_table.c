/* Tables and JSON of what `dail eval` found. */
#include "daemon/command/eval_result.h"

#include "proto/json_value.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#define FARS 3

static const char *const far_names[FARS] = {"1e-2", "1e-3", "1e-4"};

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
        }
        free(model->results);
    }
    free(results->models);
    *results = (struct eval_results){0};
}

static void format_rate(double rate, char *text, size_t size)
{
    if (rate < 0) {
        snprintf(text, size, "-");
    } else {
        snprintf(text, size, "%.2f", 100 * rate);
    }
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
    printf("%-24s %7s %8s %6s %9s %8s %8s %8s %8s %7s\n", "set", "pairs", "acc %", "+-", "threshold", "AUC",
           "TAR@1e-2", "TAR@1e-3", "TAR@1e-4", "norm");
}

void eval_print_row(const struct eval_result *result)
{
    const struct verification *score = &result->score;
    char tar[FARS][16];
    for (int i = 0; i < FARS; i++) {
        format_rate(score->tar[i], tar[i], sizeof tar[i]);
    }
    printf("%-24s %7zu %8.2f %6.2f %9.2f %8.5f %8s %8s %8s %7.2f\n", result->set, score->pairs,
           100 * score->accuracy, 100 * score->accuracy_std, score->threshold, score->auc, tar[0], tar[1],
           tar[2], score->norm);
    fflush(stdout);
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
    }
}

void eval_print_comparison(const struct eval_results *results)
{
    for (size_t i = 0; i < results->model_count; i++) {
        printf("[%zu] ", i + 1);
        print_model(&results->models[i]);
    }
    print_accuracies(results);
    for (int far = 0; far < FARS; far++) {
        print_rates(results, far);
    }
}

/* --- JSON --- */

static json_t *make_set(const struct eval_result *result)
{
    const struct verification *score = &result->score;
    json_t *tar = json_object();
    for (int i = 0; i < FARS; i++) {
        if (score->tar[i] >= 0) {
            json_object_set_new(tar, far_names[i], json_real(score->tar[i]));
        }
    }
    return json_pack("{s:o, s:o, s:I, s:f, s:f, s:f, s:f, s:f, s:o}", "set", json_text(result->set), "file",
                     json_text(result->file), "pairs", (json_int_t)score->pairs, "accuracy", score->accuracy,
                     "accuracy_std", score->accuracy_std, "threshold", score->threshold, "auc", score->auc,
                     "norm", score->norm, "tar", tar);
}

static json_t *make_model(const struct eval_model *model, size_t sets)
{
    json_t *array = json_array();
    for (size_t i = 0; i < sets; i++) {
        json_t *set = make_set(&model->results[i]);
        if (!set || json_array_append_new(array, set) != 0) {
            json_decref(array);
            return NULL;
        }
    }
    return json_pack("{s:o, s:o, s:I, s:b, s:o}", "checkpoint", json_text(model->path), "arch",
                     json_text(model->network.arch), "step", (json_int_t)model->step, "untrained",
                     (int)model->untrained, "sets", array);
}

enum status eval_print_json(const struct eval_results *results, struct error *error)
{
    json_t *models = json_array();
    bool whole = models;
    for (size_t i = 0; i < results->model_count && whole; i++) {
        json_t *model = make_model(&results->models[i], results->sets);
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
    json_dumpf(shown, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
    printf("\n");
    json_decref(shown);
    json_decref(models);
    return STATUS_OK;
}
