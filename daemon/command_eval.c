/* dail eval: how well a checkpoint tells people apart. */
#include "daemon/command.h"
#include "daemon/host.h"
#include "daemon/options.h"
#include "shard/pairs.h"
#include "worker/checkpoint.h"
#include "worker/evaluation.h"

#include <cblas.h>
#include <jansson.h>
#include <stdio.h>
#include <sys/stat.h>

#define EVAL_SETS_MAX 64

static const char usage[] =
    "usage: dail eval [OPTIONS] CHECKPOINT SET...\n"
    "Embeds the images of verification sets (pairs files) by a checkpoint's network and scores them.\n"
    "CHECKPOINT may be a run's folder: its newest one is taken.\n";

struct eval_options {
    int batch, threads;
    bool untrained, json;
};

struct eval {
    char path[1024]; /* of the checkpoint */
    struct eval_options options;
    struct checkpoint_state state;
    struct iresnet *net;
    struct exchange *exchange;
    json_t *results; /* with --json */
};

static int default_threads(void)
{
    struct message_hello hello = {0};
    host_describe(&hello);
    return hello.cores_allowed > 0 ? hello.cores_allowed : 1;
}

/* The checkpoint meant by `argument`: itself, or the newest of a run's folder. */
static enum status find_checkpoint(const char *argument, char *path, size_t size, struct error *error)
{
    struct stat folder;
    snprintf(path, size, "%s/checkpoints", argument);
    if (stat(path, &folder) != 0) {
        snprintf(path, size, "%s", argument);
        return STATUS_OK;
    }
    enum status status = checkpoint_newest(argument, path, size, NULL, NULL, error);
    if (status == STATUS_OK && path[0] == '\0') {
        status = error_set(error, STATUS_DATA, argument, "train first", "the run has no checkpoint yet");
    }
    return status;
}

static enum status load_network(struct eval *eval, struct error *error)
{
    const char *path = eval->path;
    enum status status = checkpoint_verify(path, 0, error);
    if (status == STATUS_OK) {
        status = checkpoint_read_state(path, &eval->state, error);
    }
    if (status != STATUS_OK) {
        return status;
    }
    struct iresnet_config config = {.arch = eval->state.arch,
                                    .input = eval->state.input,
                                    .embedding = eval->state.embedding,
                                    .width = eval->state.width,
                                    .batch_max = eval->options.batch,
                                    .threads = eval->options.threads};
    openblas_set_num_threads(1);
    status = iresnet_create(&config, &eval->net, error);
    if (status != STATUS_OK) {
        return status;
    }
    if (eval->options.untrained) {
        iresnet_init(eval->net, eval->state.seed);
    } else {
        status = checkpoint_read_model(path, eval->net, NULL, NULL, NULL, error);
    }
    iresnet_weights_changed(eval->net);
    return status;
}

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
    status = evaluation_run(eval->net, eval->state.input, eval->options.batch, &pairs, eval->exchange, NULL,
                            NULL, NULL, &result, error);
    if (status == STATUS_OK && eval->options.json) {
        status = add_json(eval, path, pairs.name, &result, error);
    } else if (status == STATUS_OK) {
        print_row(pairs.name, &result);
    }
    pairs_close(&pairs);
    return status;
}

static void print_heading(const struct eval *eval)
{
    printf("%s: %s, input %d, %d values, width %g, %s\n", eval->path, eval->state.arch, eval->state.input,
           eval->state.embedding, eval->state.width,
           eval->options.untrained ? "UNTRAINED: the weights it began with" : "trained");
    if (!eval->options.untrained) {
        printf("after step %lld of %lld\n", (long long)eval->state.step, (long long)eval->state.steps);
    }
    printf("%-24s %7s %8s %6s %9s %8s %8s %8s %8s %7s\n", "set", "pairs", "acc %", "+-", "threshold", "AUC",
           "TAR@1e-2", "TAR@1e-3", "TAR@1e-4", "norm");
}

static enum status print_json(const struct eval *eval, struct error *error)
{
    json_t *whole = json_pack("{s:s, s:s, s:I, s:b, s:O}", "checkpoint", eval->path, "arch", eval->state.arch,
                              "step", (json_int_t)eval->state.step, "untrained", (int)eval->options.untrained,
                              "sets", eval->results);
    if (!whole) {
        return error_set(error, STATUS_INTERNAL, eval->path, NULL, "the results cannot be put as JSON");
    }
    json_dumpf(whole, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
    printf("\n");
    json_decref(whole);
    return STATUS_OK;
}

static enum status evaluate_all(struct eval *eval, const char *const *paths, size_t sets, struct error *error)
{
    enum status status = find_checkpoint(paths[0], eval->path, sizeof eval->path, error);
    if (status == STATUS_OK) {
        status = load_network(eval, error);
    }
    if (status == STATUS_OK) {
        status = exchange_local_create(&eval->exchange, error);
    }
    if (status == STATUS_OK && eval->options.json) {
        eval->results = json_array();
    } else if (status == STATUS_OK) {
        print_heading(eval);
    }
    for (size_t i = 1; i <= sets && status == STATUS_OK; i++) {
        status = score_set(eval, paths[i], error);
    }
    if (status == STATUS_OK && eval->options.json) {
        status = print_json(eval, error);
    }
    return status;
}

enum status command_eval(int argc, char **argv, struct error *error)
{
    struct eval eval = {.options = {.batch = 32, .threads = default_threads()}};
    const struct option_spec specs[] = {
        {"batch", 'b', OPTION_INT, &eval.options.batch, "N", "images at a time (32)", 1, 4096},
        {"threads", 't', OPTION_INT, &eval.options.threads, "N", "threads (the cores allowed)", 1, 1024},
        {"untrained", 0, OPTION_FLAG, &eval.options.untrained, NULL,
         "score the weights that the run began with, for comparison", 0, 0},
        {"json", 0, OPTION_FLAG, &eval.options.json, NULL, "print one JSON object", 0, 0},
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
    if (eval.net) {
        iresnet_free(eval.net);
    }
    json_decref(eval.results);
    checkpoint_state_free(&eval.state);
    return status;
}
