/* dail eval: how well a model, or several, tell people apart. */
#include "daemon/command/commands.h"
#include "daemon/judge/curve_file.h"
#include "daemon/judge/eval_ijb.h"
#include "daemon/judge/eval_result.h"
#include "daemon/rank/host.h"
#include "daemon/terminal/warning.h"
#include "shard/pairs.h"
#include "worker/evaluate/evaluation.h"
#include "worker/interchange/state_dict.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EVAL_SETS_MAX 64

struct eval_options {
    struct option_strings others; /* further models */
    bool json, untrained, groups;
    const char *roc, *det, *ijb;
    enum template_weight weight; /* with --ijb */
    int bootstrap; /* draws */
    uint64_t seed;
    int batch, threads; /* threads 0: the cores allowed */
};

struct eval {
    const struct eval_options *options;
    struct backbone_use use;
    const char *model; /* the first */
    const char *const *sets; /* [results.sets] */
    struct exchange *exchange;
    struct eval_results results;
};

/* A set's name; where those before it have that, too, with its number among them. */
static void name_set(const struct eval_model *model, struct eval_result *result, const char *name)
{
    int number = 1;
    for (const struct eval_result *other = model->results; other < result; other++) {
        number += strcmp(other->name, name) == 0;
    }
    snprintf(result->name, sizeof result->name, "%s", name);
    if (number == 1) {
        snprintf(result->set, sizeof result->set, "%s", name);
    } else {
        snprintf(result->set, sizeof result->set, "%s#%d", name, number);
    }
}

static enum status score_set(struct eval *eval, const struct backbone *backbone,
                             const struct eval_model *model, struct eval_result *result, struct error *error)
{
    struct pairs pairs;
    enum status status = pairs_open(result->file, &pairs, error);
    if (status != STATUS_OK) {
        return status;
    }
    name_set(model, result, pairs.name);
    double *distances = malloc(((size_t)pairs.count + 1) * sizeof *distances);
    status = distances ? STATUS_OK : error_no_memory(error, result->file);
    if (status == STATUS_OK) {
        status = evaluation_run(backbone->net, backbone->state.network.input, eval->use.batch, &pairs,
                                eval->exchange, NULL, NULL, NULL, &result->score, distances, error);
    }
    if (status == STATUS_OK && eval->options->groups) {
        result->drawn = malloc(((size_t)eval->results.bootstrap.draws + 1) * sizeof *result->drawn);
        status = result->drawn ? STATUS_OK : error_no_memory(error, result->file);
    }
    if (status == STATUS_OK) {
        status = verification_bootstrap(&pairs, distances, &eval->results.bootstrap, &result->interval,
                                        result->drawn, error);
    }
    if (status == STATUS_OK && (eval->options->roc || eval->options->det)) {
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
    model->network = state->network;
    model->step = state->step;
    model->steps = state->steps;
    model->untrained = untrained;
    model->imported = backbone->imported;
}

static enum status judge_groups(const struct eval *eval, struct eval_model *model, struct error *error)
{
    double accuracy[EVAL_SETS_MAX];
    const double *drawn[EVAL_SETS_MAX];
    for (size_t k = 0; k < eval->results.sets; k++) {
        accuracy[k] = model->results[k].score.accuracy;
        drawn[k] = model->results[k].drawn;
    }
    return fairness_judge(accuracy, drawn, eval->results.sets, (size_t)eval->results.bootstrap.draws,
                          &model->fairness, error);
}

static enum status score_model(struct eval *eval, const char *path, struct eval_model *model,
                               struct error *error)
{
    const bool rows = !eval->options->json && eval->results.model_count == 1;
    struct backbone backbone;
    enum status status = backbone_load(path, &eval->use, &backbone, error);
    if (status == STATUS_OK) {
        warning_print(backbone.note.names);
        describe(&backbone, eval->use.untrained, model);
    }
    if (status == STATUS_OK && rows) {
        eval_print_heading(model);
    }
    for (size_t k = 0; k < eval->results.sets && status == STATUS_OK; k++) {
        model->results[k].file = eval->sets[k];
        status = score_set(eval, &backbone, model, &model->results[k], error);
        if (status == STATUS_OK && rows) {
            eval_print_row(&model->results[k]);
        }
    }
    backbone_free(&backbone);
    return status == STATUS_OK && eval->options->groups ? judge_groups(eval, model, error) : status;
}

static enum status evaluate_all(struct eval *eval, size_t sets, struct error *error)
{
    struct eval_results *results = &eval->results;
    enum status status = eval_results_create(results, eval->options->others.count + 1, sets, error);
    results->groups = eval->options->groups;
    results->bootstrap = (struct bootstrap){
        .draws = eval->options->bootstrap, .seed = eval->options->seed, .threads = eval->use.threads};
    if (status == STATUS_OK) {
        status = exchange_local_create(&eval->exchange, error);
    }
    for (size_t i = 0; i < results->model_count && status == STATUS_OK; i++) {
        const char *path = i == 0 ? eval->model : eval->options->others.values[i - 1];
        status = score_model(eval, path, &results->models[i], error);
    }
    if (status == STATUS_OK && eval->options->json) {
        status = eval_print_json(results, error);
    } else if (status == STATUS_OK && results->model_count > 1) {
        eval_print_comparison(results);
    } else if (status == STATUS_OK) {
        eval_print_fairness(results);
        eval_print_footing(results);
    }
    if (status == STATUS_OK && eval->options->roc) {
        status = eval_write_roc(results, eval->options->roc, error);
    }
    if (status == STATUS_OK && eval->options->det) {
        status = eval_write_det(results, eval->options->det, error);
    }
    return status;
}

static enum status check(const struct eval_options *options, size_t sets, struct error *error)
{
    const size_t curves = options->ijb ? 1 : (options->others.count + 1) * sets;
    if (options->ijb && (sets > 0 || options->others.count > 0 || options->untrained)) {
        return error_set(error, STATUS_USAGE, "--ijb", "leave out sets, --compare and --untrained",
                         "one model is scored on the templates of one folder");
    }
    if (!options->ijb && sets == 0) {
        return error_set(error, STATUS_USAGE, NULL, "dail eval --help shows how",
                         "name a SET, or a folder by --ijb");
    }
    if (options->groups && (options->ijb || sets < 2)) {
        return error_set(error, STATUS_USAGE, "--groups", "name a SET of each group of people",
                         "groups are compared, and there are not two");
    }
    enum status status = options->roc ? curve_file_check(options->roc, curves, error) : STATUS_OK;
    return status == STATUS_OK && options->det ? curve_file_check(options->det, curves, error) : status;
}

static enum status evaluate_ijb(const struct eval_options *options, const char *model, int threads,
                                struct error *error)
{
    const struct eval_ijb_config config = {
        .folder = options->ijb,
        .model = model,
        .weight = options->weight,
        .bootstrap = {.draws = options->bootstrap, .seed = options->seed, .threads = threads},
        .batch = options->batch,
        .threads = threads,
        .json = options->json,
        .roc = options->roc,
        .det = options->det};
    return eval_ijb(&config, error);
}

static enum status execute(const struct command_line *line, struct error *error)
{
    const struct eval_options *options = line->values;
    struct eval eval = {.options = options,
                        .use = {.batch = options->batch,
                                .threads = options->threads > 0 ? options->threads : host_threads(),
                                .untrained = options->untrained},
                        .model = line->operands[0],
                        .sets = line->operands + 1};
    const size_t sets = line->operand_count - 1;
    enum status status = check(options, sets, error);
    if (status == STATUS_OK && options->ijb) {
        status = evaluate_ijb(options, eval.model, eval.use.threads, error);
    } else if (status == STATUS_OK) {
        status = evaluate_all(&eval, sets, error);
    }
    if (eval.exchange) {
        eval.exchange->operations->close(eval.exchange);
    }
    eval_results_free(&eval.results);
    return status;
}

#define AT(member) offsetof(struct eval_options, member)

static const struct option_spec options[] = {
    {.name = "compare",
     .short_name = 'c',
     .kind = OPTION_STRINGS,
     .offset = AT(others),
     .metavar = "MODEL",
     .help = "another model beside the first; may be repeated",
     .word = WORD_MODEL,
     .endings = STATE_DICT_ENDINGS},
    {.name = "roc",
     .kind = OPTION_STRING,
     .offset = AT(roc),
     .metavar = "FILE.csv|.svg",
     .help = "write the ROC curves",
     .word = WORD_FILE,
     .endings = ".csv .svg"},
    {.name = "det",
     .kind = OPTION_STRING,
     .offset = AT(det),
     .metavar = "FILE.csv|.svg",
     .help = "write the DET curves: false rejects over false accepts",
     .word = WORD_FILE,
     .endings = ".csv .svg"},
    {.name = "ijb",
     .kind = OPTION_STRING,
     .offset = AT(ijb),
     .metavar = "DIR",
     .help =
         "the template protocol of IJB-B or IJB-C, of the folder with meta/ and loose_crop/; takes no SET",
     .word = WORD_FOLDER},
    {.name = "template-weight",
     .kind = OPTION_CHOICE,
     .offset = AT(weight),
     .choices = "score-norm|score|norm|equal",
     .help =
         "with --ijb: what an image counts by, its detector's score, its embedding's norm, both or neither"},
    OPTION_ROW_BOOTSTRAP(AT(bootstrap), BOOTSTRAP_DRAWS_MAX),
    OPTION_ROW_BOOTSTRAP_SEED(AT(seed)),
    {.name = "groups",
     .short_name = 'g',
     .kind = OPTION_FLAG,
     .offset = AT(groups),
     .help = "each set is a group of people: tell how evenly the model does, as RFW is reported"},
    {.name = "json", .kind = OPTION_FLAG, .offset = AT(json), .help = "print one JSON object"},
    {.name = "untrained",
     .kind = OPTION_FLAG,
     .offset = AT(untrained),
     .help = "score the weights that the run began with, for comparison"},
    OPTION_ROW_BATCH(AT(batch)),
    OPTION_ROW_THREADS(AT(threads)),
    {0}};

static const struct operand_spec operands[] = {
    {.name = "MODEL", .min = 1, .max = 1, .word = WORD_MODEL, .endings = STATE_DICT_ENDINGS},
    {.name = "SET", .min = 0, .max = EVAL_SETS_MAX, .word = WORD_FILE, .endings = ".h5"},
    {0}};

static const struct command_example examples[] = {
    {"dail eval runs/first lfw.h5 cfp_fp.h5", "the newest checkpoint of a run on two sets"},
    {"dail eval runs/first lfw.h5 --compare w600k_r50.onnx --roc roc.svg",
     "beside a published model, with both ROC curves as a picture"},
    {"dail eval runs/first african.h5 asian.h5 caucasian.h5 indian.h5 --groups",
     "RFW, with its fairness figures"},
    {"dail eval w600k_r50.onnx --ijb IJBC", "TAR at FAR 1e-6 to 1e-1 over IJB-C's templates"},
    {0}};

static const struct eval_options defaults = {.bootstrap = BOOTSTRAP_DRAWS, .seed = 1, .batch = 32};

const struct command command_eval = {
    .name = "eval",
    .summary = "score a checkpoint on verification sets",
    .usage = "dail eval [OPTIONS] MODEL SET...\ndail eval --ijb DIR [OPTIONS] MODEL|EMBEDDINGS",
    .description = "Embeds the images of verification sets (pairs files) by a model's network and scores "
                   "them: accuracy over\n"
                   "the folds, area under the ROC curve, equal error rate, and the true accept rate at each "
                   "false accept rate\n"
                   "that a set is large enough for, each with its 95% interval by bootstrap over people. "
                   "MODEL is a checkpoint, a run's folder (its newest checkpoint), or a "
                   ".safetensors file with the\n"
                   "state_dict of one of InsightFace's iresnets, or the ONNX model of one.",
    .options = options,
    .operands = operands,
    .examples = examples,
    .defaults = &defaults,
    .size = sizeof defaults,
    .run = execute,
};
