#include "daemon/report/report_model.h"

#include "daemon/terminal/progress.h"
#include "daemon/terminal/run_path.h"
#include "shard/image/image_codec.h"
#include "shard/manifest.h"
#include "shard/pairs.h"
#include "worker/evaluate/embedder.h"
#include "worker/evaluate/evaluation.h"
#include "worker/evaluate/projection.h"
#include "worker/interchange/backbone.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct making {
    const struct report_model_use *use;
    struct report_model *model;
    struct backbone backbone;
    struct progress progress;
    uint64_t done, total; /* sets and datasets */
};

/* A trouble is told and does not end the report; a lack of memory does. */
static enum status tell(char *trouble, size_t size, enum status status, const struct error *failure,
                        struct error *error)
{
    char line[ERROR_LINE_SIZE];
    if (status == STATUS_INTERNAL) {
        *error = *failure;
        return status;
    }
    if (status != STATUS_OK) {
        snprintf(trouble, size, "%s", error_format(failure, line, sizeof line));
    }
    return STATUS_OK;
}

static void advance(struct making *making)
{
    progress_update(&making->progress, ++making->done, making->total);
}

/* --- Validation sets --- */

static enum status judge_pairs(struct making *making, const struct pairs *pairs, struct report_set *set,
                               struct error *error)
{
    const struct backbone *backbone = &making->backbone;
    struct exchange *exchange;
    set->cosine = malloc((pairs->count + 1) * sizeof *set->cosine);
    set->same = malloc(pairs->count + 1);
    if (!set->cosine || !set->same) {
        return error_no_memory(error, pairs->path);
    }
    enum status status = exchange_local_create(&exchange, error);
    if (status != STATUS_OK) {
        return status;
    }
    status = evaluation_run(backbone->net, backbone->state.network.input, making->use->batch, pairs, exchange,
                            NULL, NULL, NULL, &set->result, set->cosine, error);
    exchange->operations->close(exchange);
    if (status == STATUS_OK) {
        memcpy(set->same, pairs->same, pairs->count);
        status = roc_make(set->cosine, set->same, pairs->count, &set->roc, error);
    }
    if (status == STATUS_OK) {
        set->pairs = pairs->count;
        /* Of unit vectors: |a - b|^2 = 2 - 2 cos. */
        for (size_t i = 0; i < set->pairs; i++) {
            set->cosine[i] = 1 - set->cosine[i] / 2;
        }
    }
    return status;
}

static enum status judge_set(struct making *making, struct report_set *set, struct error *error)
{
    struct pairs pairs;
    struct error failure = {0};
    enum status status = pairs_open(set->path, &pairs, &failure);
    if (status == STATUS_OK) {
        snprintf(set->name, sizeof set->name, "%s", pairs.name);
        status = judge_pairs(making, &pairs, set, &failure);
        pairs_close(&pairs);
    }
    advance(making);
    return tell(set->trouble, sizeof set->trouble, status, &failure, error);
}

static enum status judge_sets(struct making *making, struct error *error)
{
    struct report_model *model = making->model;
    enum status status = STATUS_OK;
    for (size_t i = 0; i < model->set_count && status == STATUS_OK; i++) {
        status = judge_set(making, &model->sets[i], error);
    }
    return status;
}

/* --- The projection --- */

/* Images in order of storage: a shard is a random sample of its dataset. */
struct sampling {
    struct embedder embedder;
    uint8_t *pixels; /* [side][side][3] */
    uint8_t *bytes; /* of one encoded image */
    float *rows; /* [clouds x images][embedding] */
    int waiting; /* images put into the embedder's batch */
};

/* Embeds what waits, as rows of length 1 at the end of those there are. */
static void embed_waiting(struct making *making, struct sampling *sampling)
{
    size_t width = (size_t)making->model->network.embedding;
    if (sampling->waiting == 0) {
        return;
    }
    embedder_run(&sampling->embedder, sampling->waiting, NULL);
    for (int i = 0; i < sampling->waiting; i++) {
        float *row = sampling->rows + making->model->points++ * width;
        float norm = embedder_take(&sampling->embedder, i, row);
        for (size_t j = 0; j < width && norm > 0; j++) {
            row[j] /= norm;
        }
    }
    sampling->waiting = 0;
}

static enum status sample_image(struct making *making, struct sampling *sampling, const struct shard *shard,
                                uint32_t image, struct error *error)
{
    uint64_t bytes = shard->offset[image + 1] - shard->offset[image];
    if (bytes > SHARD_IMAGE_BYTES_MAX) {
        return error_set(error, STATUS_DATA, shard->path, NULL, "image %u is too large", image);
    }
    enum status status = shard_read(shard, image, 1, sampling->bytes, error);
    if (status == STATUS_OK) {
        status = shard_check_image(shard, image, sampling->bytes, error);
    }
    if (status == STATUS_OK) {
        status = image_decode_into(sampling->bytes, (size_t)bytes, making->backbone.state.network.input,
                                   sampling->pixels, error);
    }
    if (status == STATUS_OK) {
        embedder_put(&sampling->embedder, sampling->waiting++, sampling->pixels);
        if (sampling->waiting == sampling->embedder.batch) {
            embed_waiting(making, sampling);
        }
    }
    return status;
}

static enum status sample_dataset(struct making *making, struct sampling *sampling,
                                  const struct manifest *manifest, struct error *error)
{
    int left = making->use->images;
    enum status status = STATUS_OK;
    if (manifest->image_size != making->backbone.state.network.input) {
        return error_set(error, STATUS_DATA, manifest->path, NULL, "images of size %d, the model wants %d",
                         manifest->image_size, making->backbone.state.network.input);
    }
    for (uint32_t s = 0; s < manifest->shard_count && left > 0 && status == STATUS_OK; s++) {
        struct shard shard = {0};
        status = manifest_open_shard(manifest, s, &shard, error);
        for (uint32_t i = 0; status == STATUS_OK && i < shard.images && left > 0; i++, left--) {
            status = sample_image(making, sampling, &shard, i, error);
        }
        shard_close(&shard);
    }
    return status;
}

static enum status place_dataset(struct making *making, struct sampling *sampling, struct report_cloud *cloud,
                                 struct error *error)
{
    struct manifest manifest;
    struct error failure = {0};
    cloud->begin = making->model->points;
    enum status status = manifest_open(cloud->manifest, &manifest, &failure);
    if (status == STATUS_OK) {
        snprintf(cloud->name, sizeof cloud->name, "%s", manifest.name);
        status = sample_dataset(making, sampling, &manifest, &failure);
        manifest_close(&manifest);
    }
    embed_waiting(making, sampling);
    cloud->end = making->model->points;
    advance(making);
    return tell(cloud->trouble, sizeof cloud->trouble, status, &failure, error);
}

static enum status place_datasets(struct making *making, struct sampling *sampling, struct error *error)
{
    struct report_model *model = making->model;
    int side = making->backbone.state.network.input;
    size_t most = model->cloud_count * (size_t)making->use->images;
    enum status status =
        embedder_create(making->backbone.net, side, making->use->batch, false, &sampling->embedder, error);
    sampling->pixels = malloc((size_t)side * (size_t)side * 3);
    sampling->bytes = malloc(SHARD_IMAGE_BYTES_MAX);
    sampling->rows = malloc((most + 1) * (size_t)model->network.embedding * sizeof *sampling->rows);
    model->x = calloc(most + 1, sizeof *model->x);
    model->y = calloc(most + 1, sizeof *model->y);
    if (!sampling->pixels || !sampling->bytes || !sampling->rows || !model->x || !model->y) {
        status = error_no_memory(error, "projection");
    }
    for (size_t i = 0; i < model->cloud_count && status == STATUS_OK; i++) {
        status = place_dataset(making, sampling, &model->clouds[i], error);
    }
    return status == STATUS_OK
               ? projection_make(sampling->rows, model->points, (size_t)model->network.embedding, model->x,
                                 model->y, model->share, error)
               : status;
}

static enum status project(struct making *making, struct error *error)
{
    struct sampling sampling = {0};
    enum status status = place_datasets(making, &sampling, error);
    embedder_free(&sampling.embedder);
    free(sampling.pixels);
    free(sampling.bytes);
    free(sampling.rows);
    return status;
}

/* --- All --- */

static enum status allocate(struct report_model *model, const struct config *config, struct error *error)
{
    model->sets = calloc(config->validation.count + 1, sizeof *model->sets);
    model->clouds = calloc(config->data.dataset_count + 1, sizeof *model->clouds);
    return model->sets && model->clouds ? STATUS_OK : error_no_memory(error, "report");
}

static enum status find_data(struct report_model *model, const char *run_dir, const struct config *config,
                             struct error *error)
{
    enum status status = STATUS_OK;
    for (; model->set_count < config->validation.count && status == STATUS_OK; model->set_count++) {
        struct report_set *set = &model->sets[model->set_count];
        const char *named = config->validation.paths[model->set_count];
        snprintf(set->name, sizeof set->name, "%s", named);
        status = run_path(run_dir, config, named, set->path, error);
    }
    for (; model->cloud_count < config->data.dataset_count && status == STATUS_OK; model->cloud_count++) {
        struct report_cloud *cloud = &model->clouds[model->cloud_count];
        const char *named = config->data.datasets[model->cloud_count].manifest;
        snprintf(cloud->name, sizeof cloud->name, "%s", named);
        status = run_path(run_dir, config, named, cloud->manifest, error);
    }
    return status;
}

static enum status load(struct making *making, const char *run_dir, struct error *error)
{
    struct report_model *model = making->model;
    struct error failure = {0};
    struct backbone_use use = {.batch = making->use->batch, .threads = making->use->threads};
    enum status status = backbone_load(run_dir, &use, &making->backbone, &failure);
    if (status == STATUS_OK) {
        const struct checkpoint_state *state = &making->backbone.state;
        snprintf(model->checkpoint, sizeof model->checkpoint, "%s", making->backbone.path);
        model->step = state->step;
        model->network = state->network;
    }
    return tell(model->trouble, sizeof model->trouble, status, &failure, error);
}

enum status report_model_make(const char *run_dir, const struct config *config,
                              const struct report_model_use *use, struct report_model *model,
                              struct error *error)
{
    struct making making = {.use = use, .model = model};
    *model = (struct report_model){0};
    enum status status = allocate(model, config, error);
    if (status == STATUS_OK) {
        status = find_data(model, run_dir, config, error);
        making.total = model->set_count + model->cloud_count;
    }
    if (status == STATUS_OK) {
        status = load(&making, run_dir, error);
    }
    if (status == STATUS_OK && model->trouble[0] == '\0') {
        progress_begin(&making.progress, "report", "sets");
        status = judge_sets(&making, error);
        if (status == STATUS_OK) {
            status = project(&making, error);
        }
        progress_end(&making.progress);
    }
    backbone_free(&making.backbone);
    return status;
}

void report_model_free(struct report_model *model)
{
    for (size_t i = 0; i < model->set_count; i++) {
        free(model->sets[i].cosine);
        free(model->sets[i].same);
        roc_free(&model->sets[i].roc);
    }
    free(model->sets);
    free(model->clouds);
    free(model->x);
    free(model->y);
    *model = (struct report_model){0};
}
