/* dail eval: how well a checkpoint tells people apart. */
#include "daemon/command.h"
#include "daemon/host.h"
#include "daemon/options.h"
#include "shard/pairs.h"
#include "worker/backbone.h"
#include "worker/evaluation.h"

#include <jansson.h>
#include <stdio.h>

#define EVAL_SETS_MAX 64

static const char usage[] =
    "usage: dail eval [OPTIONS] CHECKPOINT SET...\n"
    "Embeds the images of verification sets (pairs files) by a checkpoint's network and scores them.\n"
    "CHECKPOINT may be a run's folder, whose newest one is taken, or an iresnet's .safetensors.\n";

struct eval {
    struct backbone_use use;
    bool json;
    struct backbone backbone;
    struct exchange *exchange;
    json_t *results; /* with --json */
};

static void format_rate(double rate, char *text, size_t size)
{
    if (rate < 0) {
        snprintf(text, size, "-");
    } else {
        snprintf(text, size, "%.2f", 100 * rate);
    }
}

static void print_row(const char *name, const struct verification *result)
{
    char tar[3][16];
    for (int i = 0; i < 3; i++) {
        format_rate(result->tar[i], tar[i], sizeof tar[i]);
    }
    printf("%-24s %7zu %8.2f %6.2f %9.2f %8.5f %8s %8s %8s %7.2f\n", name, result->pairs,
           100 * result->accuracy, 100 * result->accuracy_std, result->threshold, result->auc, tar[0], tar[1],
           tar[2], result->norm);
    fflush(stdout);
}

static enum status add_json(struct eval *eval, const char *path, const char *name,
                            const struct verification *result, struct error *error)
{
    static const char *const names[3] = {"1e-2", "1e-3", "1e-4"};
    json_t *tar = json_object();
    for (int i = 0; i < 3; i++) {
        if (result->tar[i] >= 0) {
            json_object_set_new(tar, names[i], json_real(result->tar[i]));
        }
    }
    json_t *row = json_pack("{s:s, s:s, s:I, s:f, s:f, s:f, s:f, s:f, s:o}", "set", name, "file", path,
                            "pairs", (json_int_t)result->pairs, "accuracy", result->accuracy, "accuracy_std",
                            result->accuracy_std, "threshold", result->threshold, "auc", result->auc, "norm",
                            result->norm, "tar", tar);
    if (!row || json_array_append_new(eval->results, row) != 0) {
        return error_set(error, STATUS_INTERNAL, path, NULL, "the result cannot be put as JSON");
    }
    return STATUS_OK;
}

static enum status score_set(struct eval *eval, const char *path, struct error *error)
{
    struct pairs pairs;
    struct verification result;
    enum status status = pairs_open(path, &pairs, error);
    if (status != STATUS_OK) {
        return status;
    }
    status = evaluation_run(eval->backbone.net, eval->backbone.state.input, eval->use.batch, &pairs,
                            eval->exchange, NULL, NULL, NULL, &result, NULL, error);
    if (status == STATUS_OK && eval->json) {
        status = add_json(eval, path, pairs.name, &result, error);
    } else if (status == STATUS_OK) {
        print_row(pairs.name, &result);
    }
    pairs_close(&pairs);
    return status;
}

static void print_heading(const struct eval *eval)
{
    const struct checkpoint_state *state = &eval->backbone.state;
    printf("%s: %s, input %d, %d values, width %g, %s\n", eval->backbone.path, state->arch, state->input,
           state->embedding, state->width,
           eval->use.untrained ? "UNTRAINED: the weights it began with" : "trained");
    if (!eval->use.untrained && !eval->backbone.imported) {
        printf("after step %lld of %lld\n", (long long)state->step, (long long)state->steps);
    }
    printf("%-24s %7s %8s %6s %9s %8s %8s %8s %8s %7s\n", "set", "pairs", "acc %", "+-", "threshold", "AUC",
           "TAR@1e-2", "TAR@1e-3", "TAR@1e-4", "norm");
}

static enum status print_json(const struct eval *eval, struct error *error)
{
    json_t *whole = json_pack("{s:s, s:s, s:I, s:b, s:O}", "checkpoint", eval->backbone.path, "arch",
                              eval->backbone.state.arch, "step", (json_int_t)eval->backbone.state.step,
                              "untrained", (int)eval->use.untrained, "sets", eval->results);
    if (!whole) {
        return error_set(error, STATUS_INTERNAL, eval->backbone.path, NULL,
                         "the results cannot be put as JSON");
    }
    json_dumpf(whole, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
    printf("\n");
    json_decref(whole);
    return STATUS_OK;
}

static enum status evaluate_all(struct eval *eval, const char *const *paths, size_t sets, struct error *error)
{
    enum status status = backbone_load(paths[0], &eval->use, &eval->backbone, error);
    if (status == STATUS_OK) {
        status = exchange_local_create(&eval->exchange, error);
    }
    if (status == STATUS_OK && eval->json) {
        eval->results = json_array();
    } else if (status == STATUS_OK) {
        print_heading(eval);
    }
    for (size_t i = 1; i <= sets && status == STATUS_OK; i++) {
        status = score_set(eval, paths[i], error);
    }
    if (status == STATUS_OK && eval->json) {
        status = print_json(eval, error);
    }
    return status;
}

enum status command_eval(int argc, char **argv, struct error *error)
{
    struct eval eval = {.use = {.batch = 32, .threads = host_threads()}};
    const struct option_spec specs[] = {
        {"batch", 'b', OPTION_INT, &eval.use.batch, "N", "images at a time (32)", 1, 4096},
        {"threads", 't', OPTION_INT, &eval.use.threads, "N", "threads (the cores allowed)", 1, 1024},
        {"untrained", 0, OPTION_FLAG, &eval.use.untrained, NULL,
         "score the weights that the run began with, for comparison", 0, 0},
        {"json", 0, OPTION_FLAG, &eval.json, NULL, "print one JSON object", 0, 0},
    };
    const char *paths[EVAL_SETS_MAX + 1];
    size_t count;
    bool help;
    enum status status = options_parse(usage, specs, sizeof specs / sizeof *specs, argc, argv, paths,
                                       EVAL_SETS_MAX + 1, &count, &help, error);
    if (status != STATUS_OK || help) {
        return status;
    }
    if (count < 2) {
        return error_set(error, STATUS_USAGE, NULL, "dail eval --help shows how",
                         "a checkpoint and at least one verification set are needed");
    }
    status = evaluate_all(&eval, paths, count - 1, error);
    if (eval.exchange) {
        eval.exchange->operations->close(eval.exchange);
    }
    json_decref(eval.results);
    backbone_free(&eval.backbone);
    return status;
}
