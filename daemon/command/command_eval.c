/* dail eval: how well a model, or several, tell people apart. */
#include "daemon/command/command.h"
#include "daemon/command/eval_result.h"
#include "daemon/rank/host.h"
#include "daemon/terminal/options.h"
#include "shard/pairs.h"
#include "worker/evaluate/evaluation.h"

#include <stdio.h>
#include <stdlib.h>

#define EVAL_SETS_MAX 64

static const char usage[] = "usage: dail eval [OPTIONS] MODEL SET...\n"
                            "Embeds the images of verification sets (pairs files) by a model's network and "
                            "scores them: accuracy over the\n"
                            "folds, area under the ROC curve, and the true accept rate at each false accept "
                            "rate that a set is large enough\n"
                            "for. MODEL is a checkpoint, a run's folder (its newest checkpoint), or a "
                            ".safetensors file with the state_dict\n"
                            "of one of InsightFace's iresnets, or the ONNX model of one.\n";

struct eval {
    struct backbone_use use;
    struct option_list others; /* further models */
    bool json, help;
    const char *roc;
    const char *arguments[EVAL_SETS_MAX + 1]; /* the first model, then the sets */
    size_t count; /* of them */
    struct exchange *exchange;
    struct eval_results results;
};

static enum status score_set(struct eval *eval, const struct backbone *backbone, struct eval_result *result,
                             struct error *error)
{
    struct pairs pairs;
    double *distances = NULL;
    enum status status = pairs_open(result->file, &pairs, error);
    if (status != STATUS_OK) {
        return status;
    }
    snprintf(result->set, sizeof result->set, "%s", pairs.name);
    if (eval->roc) {
        distances = malloc(((size_t)pairs.count + 1) * sizeof *distances);
        status =
            distances ? STATUS_OK : error_set(error, STATUS_INTERNAL, result->file, NULL, "out of memory");
    }
    if (status == STATUS_OK) {
        status = evaluation_run(backbone->net, backbone->state.input, eval->use.batch, &pairs, eval->exchange,
                                NULL, NULL, NULL, &result->score, distances, error);
    }
    if (status == STATUS_OK && distances) {
        status = roc_make(distances, pairs.same, pairs.count, &result->roc, error);
        if (status != STATUS_OK) {
            error_prefix_where(error, result->file);
        }
    }
    free(distances);
    pairs_close(&pairs);
    return status;
}

static void describe(const struct backbone *backbone, bool untrained, struct eval_model *model)
{
    const struct checkpoint_state *state = &backbone->state;
    snprintf(model->path, sizeof model->path, "%s", backbone->path);
    snprintf(model->arch, sizeof model->arch, "%s", state->arch);
    model->input = state->input;
    model->embedding = state->embedding;
    model->width = state->width;
    model->step = state->step;
    model->steps = state->steps;
    model->untrained = untrained;
    model->imported = backbone->imported;
}

static enum status score_model(struct eval *eval, const char *path, struct eval_model *model,
                               struct error *error)
{
    const bool rows = !eval->json && eval->results.model_count == 1;
    struct backbone backbone;
    enum status status = backbone_load(path, &eval->use, &backbone, error);
    if (status == STATUS_OK) {
        describe(&backbone, eval->use.untrained, model);
    }
    if (status == STATUS_OK && rows) {
        eval_print_heading(model);
    }
    for (size_t k = 0; k < eval->results.sets && status == STATUS_OK; k++) {
        model->results[k].file = eval->arguments[k + 1];
        status = score_set(eval, &backbone, &model->results[k], error);
        if (status == STATUS_OK && rows) {
            eval_print_row(&model->results[k]);
        }
    }
    backbone_free(&backbone);
    return status;
}

static enum status evaluate_all(struct eval *eval, struct error *error)
{
    struct eval_results *results = &eval->results;
    enum status status = eval_results_create(results, eval->others.count + 1, eval->count - 1, error);
    if (status == STATUS_OK) {
        status = exchange_local_create(&eval->exchange, error);
    }
    for (size_t i = 0; i < results->model_count && status == STATUS_OK; i++) {
        const char *path = i == 0 ? eval->arguments[0] : eval->others.values[i - 1];
        status = score_model(eval, path, &results->models[i], error);
    }
    if (status == STATUS_OK && eval->json) {
        status = eval_print_json(results, error);
    } else if (status == STATUS_OK && results->model_count > 1) {
        eval_print_comparison(results);
    }
    if (status == STATUS_OK && eval->roc) {
        status = eval_write_roc(results, eval->roc, error);
    }
    return status;
}

static enum status parse(int argc, char **argv, struct eval *eval, struct error *error)
{
    const struct option_spec specs[] = {
        {"compare", 'c', OPTION_LIST, &eval->others, "MODEL",
         "another model beside the first; may be repeated", 0, 0},
        {"roc", 0, OPTION_STRING, &eval->roc, "FILE.csv|.svg", "write the ROC curves", 0, 0},
        {"json", 0, OPTION_FLAG, &eval->json, NULL, "print one JSON object", 0, 0},
        {"untrained", 0, OPTION_FLAG, &eval->use.untrained, NULL,
         "score the weights that the run began with, for comparison", 0, 0},
        {"batch", 'b', OPTION_INT, &eval->use.batch, "N", "images at a time (32)", 1, 4096},
        {"threads", 't', OPTION_INT, &eval->use.threads, "N", "threads (the cores allowed)", 1, 1024},
    };
    enum status status = options_parse(usage, specs, sizeof specs / sizeof *specs, argc, argv,
                                       eval->arguments, EVAL_SETS_MAX + 1, &eval->count, &eval->help, error);
    if (status != STATUS_OK || eval->help) {
        return status;
    }
    if (eval->count < 2) {
        return error_set(error, STATUS_USAGE, NULL, "dail eval --help shows how",
                         "a model and at least one verification set are needed");
    }
    return eval->roc ? eval_check_roc(eval->roc, (eval->others.count + 1) * (eval->count - 1), error)
                     : STATUS_OK;
}

enum status command_eval(int argc, char **argv, struct error *error)
{
    struct eval eval = {.use = {.batch = 32, .threads = host_threads()}};
    enum status status = parse(argc, argv, &eval, error);
    if (status == STATUS_OK && !eval.help) {
        status = evaluate_all(&eval, error);
    }
    if (eval.exchange) {
        eval.exchange->operations->close(eval.exchange);
    }
    eval_results_free(&eval.results);
    option_list_free(&eval.others);
    return status;
}
