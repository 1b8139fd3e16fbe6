#include "daemon/judge/eval_ijb.h"

#include "daemon/judge/eval_result.h"
#include "daemon/judge/judge_json.h"
#include "daemon/terminal/progress.h"
#include "daemon/terminal/warning.h"
#include "proto/json_value.h"
#include "proto/text.h"
#include "worker/protocol/feature_model.h"
#include "worker/protocol/ijb.h"
#include "worker/protocol/operating.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const figure_names[OPERATING_FIGURES] = {"auc",  "eer",  "1e-6", "1e-5",
                                                            "1e-4", "1e-3", "1e-2", "1e-1"};

struct judging {
    const struct eval_ijb_config *config;
    struct ijb ijb;
    struct features features;
    uint32_t *row; /* [ijb.images]: of the features */
    double *vector; /* [templates][width] */
    double *score; /* [pairs] */
    struct operating result;
};

/* --- Embeddings --- */

static enum status embed(struct judging *judging, struct error *error)
{
    const struct eval_ijb_config *config = judging->config;
    struct feature_model model = {.batch = 0};
    struct face_table faces = {.rows = NULL};
    struct progress progress;
    enum status status = face_table_open(judging->ijb.landmarks, &faces, error);
    progress_begin(&progress, "embed", "images");
    if (status == STATUS_OK) {
        status = feature_model_open(config->model, config->batch, config->threads, &model, error);
        warning_print(model.backbone.note.names);
        model.progress = progress_update;
        model.context = &progress;
    }
    if (status == STATUS_OK) {
        status = feature_model_embed(&model, (const char *const *)judging->ijb.image, judging->ijb.images,
                                     &faces, &judging->features, error);
    }
    progress_end(&progress);
    feature_model_close(&model);
    face_table_close(&faces);
    for (size_t i = 0; i < judging->ijb.images; i++) {
        judging->row[i] = (uint32_t)i;
    }
    return status;
}

struct named {
    char *name;
    uint32_t row;
};

static int compare_named(const void *a, const void *b)
{
    return strcmp(((const struct named *)a)->name, ((const struct named *)b)->name);
}

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* The row of each image, by the last part of its name. named [features.rows], sorted. */
static enum status find_rows(struct judging *judging, const struct named *named, struct error *error)
{
    for (size_t i = 0; i < judging->ijb.images; i++) {
        char name[512];
        snprintf(name, sizeof name, "%s", last_part(judging->ijb.image[i]));
        const struct named wanted = {name, 0};
        const struct named *found =
            bsearch(&wanted, named, judging->features.rows, sizeof *named, compare_named);
        if (!found) {
            return error_set(error, STATUS_DATA, judging->features.path, "embed all images of loose_crop",
                             "image %s is not embedded there", name);
        }
        judging->row[i] = found->row;
    }
    return STATUS_OK;
}

static enum status open_file(struct judging *judging, struct error *error)
{
    enum status status = features_open(judging->config->model, &judging->features, error);
    const size_t rows = judging->features.rows;
    struct named *named = status == STATUS_OK ? calloc(rows + 1, sizeof *named) : NULL;
    if (status == STATUS_OK && !named) {
        status = error_no_memory(error, judging->config->model);
    }
    for (size_t i = 0; i < rows && status == STATUS_OK; i++) {
        char name[512];
        embeddings_file_name(&judging->features.file, i, name, sizeof name);
        named[i] = (struct named){strdup(last_part(name)), (uint32_t)i};
        status = named[i].name ? STATUS_OK : error_no_memory(error, judging->config->model);
    }
    if (status == STATUS_OK) {
        qsort(named, rows, sizeof *named, compare_named);
        status = find_rows(judging, named, error);
    }
    for (size_t i = 0; named && i < rows; i++) {
        free(named[i].name);
    }
    free(named);
    return status;
}

/* --- What is told --- */

static void print_table(const struct judging *judging)
{
    const struct ijb *ijb = &judging->ijb;
    const struct operating *result = &judging->result;
    printf("%s by %s: %zu images, %zu templates, %zu pairs\n\n", ijb->name, judging->config->model,
           ijb->images, ijb->templates, ijb->pairs);
    printf("%-16s %8s%s\n", "", "%", result->people > 0 ? " 95% from       to" : "");
    for (int i = 0; i < OPERATING_FIGURES; i++) {
        char name[32];
        if (isnan(result->figure[i])) {
            continue;
        }
        snprintf(name, sizeof name, "%s%s",
                 i == OPERATING_AUC   ? "area under ROC"
                 : i == OPERATING_EER ? "equal error rate"
                                      : "TAR at FAR ",
                 i < OPERATING_TAR ? "" : figure_names[i]);
        printf("%-16s %8.3f", name, 100 * result->figure[i]);
        if (result->people > 0) {
            printf(" %8.3f %8.3f", 100 * result->interval[i].low, 100 * result->interval[i].high);
        }
        if (i >= OPERATING_TAR && isfinite(result->threshold[i - OPERATING_TAR])) {
            printf("  cosine from %.4f", result->threshold[i - OPERATING_TAR]);
        }
        printf("\n");
    }
    if (result->people > 0) {
        printf("\nIntervals of 95%%: %d draws of %u people: templates that pairs of one person join.\n",
               judging->config->bootstrap.draws, result->people);
    }
}

/* {"auc": ..., "eer": ..., "tar": {"1e-4": ...}} of figures, or of their intervals. */
static void put_figures(const struct operating *result, bool intervals, json_t *object)
{
    json_t *tar = json_object();
    for (int i = 0; i < OPERATING_FIGURES; i++) {
        if (!isnan(result->figure[i])) {
            json_object_set_new(i < OPERATING_TAR ? object : tar, figure_names[i],
                                intervals ? json_pack("[o, o]", json_figure(result->interval[i].low),
                                                      json_figure(result->interval[i].high))
                                          : json_real(result->figure[i]));
        }
    }
    json_object_set_new(object, "tar", tar);
}

static enum status print_json(const struct judging *judging, struct error *error)
{
    const struct ijb *ijb = &judging->ijb;
    const struct eval_ijb_config *config = judging->config;
    json_t *object =
        json_pack("{s:o, s:o, s:o, s:I, s:I, s:I}", "set", json_text(ijb->name), "folder",
                  json_text(ijb->path), "model", json_text(config->model), "images", (json_int_t)ijb->images,
                  "templates", (json_int_t)ijb->templates, "pairs", (json_int_t)ijb->pairs);
    if (!object) {
        return error_no_memory(error, "eval");
    }
    put_figures(&judging->result, false, object);
    if (judging->result.people > 0) {
        json_t *interval = json_pack("{s:I}", "people", (json_int_t)judging->result.people);
        put_figures(&judging->result, true, interval);
        json_object_set_new(object, "interval", interval);
        json_object_set_new(object, "bootstrap", judge_json_bootstrap(&config->bootstrap));
    }
    judge_json_print(object);
    return STATUS_OK;
}

/* The curves of one model and one set, whose distances are those of vectors of length 1. */
static enum status write_curves(struct judging *judging, struct error *error)
{
    const struct eval_ijb_config *config = judging->config;
    struct eval_results results = {.models = NULL};
    if (!config->roc && !config->det) {
        return STATUS_OK;
    }
    enum status status = eval_results_create(&results, 1, 1, error);
    if (status == STATUS_OK) {
        struct eval_result *result = &results.models[0].results[0];
        for (size_t i = 0; i < judging->ijb.pairs; i++) {
            judging->score[i] = 2 - 2 * judging->score[i];
        }
        snprintf(results.models[0].path, sizeof results.models[0].path, "%s", config->model);
        snprintf(result->set, sizeof result->set, "%s", judging->ijb.name);
        result->score.auc = judging->result.figure[OPERATING_AUC];
        status = roc_make(judging->score, judging->ijb.same, judging->ijb.pairs, &result->roc, error);
    }
    if (status == STATUS_OK && config->roc) {
        status = eval_write_roc(&results, config->roc, error);
    }
    if (status == STATUS_OK && config->det) {
        status = eval_write_det(&results, config->det, error);
    }
    eval_results_free(&results);
    return status;
}

/* --- The whole --- */

static enum status judge(struct judging *judging, struct error *error)
{
    const struct eval_ijb_config *config = judging->config;
    const struct ijb *ijb = &judging->ijb;
    const size_t width = judging->features.width;
    judging->vector = malloc(ijb->templates * width * sizeof *judging->vector);
    judging->score = malloc(ijb->pairs * sizeof *judging->score);
    if (!judging->vector || !judging->score) {
        return error_no_memory(error, ijb->path);
    }
    enum status status =
        template_pool(&judging->features, judging->row, ijb->score, ijb->template, ijb->media, ijb->images,
                      ijb->templates, config->weight, judging->vector, error);
    if (status == STATUS_OK) {
        template_compare(judging->vector, width, ijb->pair, ijb->pairs, config->threads, judging->score);
        status = operating_judge(judging->score, ijb->same, ijb->pair, ijb->pairs, ijb->templates,
                                 &config->bootstrap, &judging->result, error);
    }
    return status;
}

enum status eval_ijb(const struct eval_ijb_config *config, struct error *error)
{
    struct judging judging = {.config = config};
    enum status status = ijb_open(config->folder, &judging.ijb, error);
    if (status == STATUS_OK) {
        judging.row = malloc(judging.ijb.images * sizeof *judging.row);
        status = judging.row ? STATUS_OK : error_no_memory(error, config->folder);
    }
    if (status == STATUS_OK) {
        status = text_ends_with(config->model, ".h5") ? open_file(&judging, error) : embed(&judging, error);
    }
    if (status == STATUS_OK) {
        status = judge(&judging, error);
    }
    if (status == STATUS_OK && config->json) {
        status = print_json(&judging, error);
    } else if (status == STATUS_OK) {
        print_table(&judging);
    }
    if (status == STATUS_OK) {
        status = write_curves(&judging, error);
    }
    features_close(&judging.features);
    ijb_close(&judging.ijb);
    free(judging.row);
    free(judging.vector);
    free(judging.score);
    return status;
}
