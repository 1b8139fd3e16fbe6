#include "daemon/overlap/overlap_embed.h"

#include "daemon/terminal/progress.h"
#include "daemon/terminal/warning.h"
#include "shard/image_source.h"
#include "worker/evaluate/class_centres.h"
#include "worker/evaluate/embedder.h"
#include "worker/interchange/backbone.h"

#include <stdlib.h>

struct embedding {
    const struct overlap_source_options *options;
    struct overlap_source *source;
    struct backbone backbone;
    struct embedder embedder;
    struct sourced_image *images; /* [batch] */
    uint8_t *pixels; /* [batch][side][side][3] */
    float *values; /* [D] */
    float *sums; /* [classes][D]: of the dataset at hand */
    uint32_t *counts; /* [classes] */
    const uint32_t *person; /* of each image of a verification set; NULL: labels are the images' */
    uint64_t image; /* how many of it are done */
    uint64_t done, total; /* images */
    struct progress progress;
};

static enum status load_model(struct embedding *embedding, struct error *error)
{
    const struct overlap_source_options *options = embedding->options;
    struct overlap_source *source = embedding->source;
    const struct backbone_use use = {.batch = options->batch, .threads = options->threads};
    enum status status = backbone_load(options->operands[0], &use, &embedding->backbone, error);
    warning_print(embedding->backbone.note.names);
    if (status != STATUS_OK) {
        return status;
    }
    const struct network *network = &embedding->backbone.state.network;
    const size_t batch = (size_t)options->batch, side = (size_t)network->input,
                 width = (size_t)network->embedding;
    source->state.network.embedding = network->embedding;
    embedding->images = calloc(batch, sizeof *embedding->images);
    embedding->pixels = malloc(batch * side * side * 3);
    embedding->values = malloc(width * sizeof *embedding->values);
    if (!embedding->images || !embedding->pixels || !embedding->values) {
        return error_no_memory(error, "overlap");
    }
    for (size_t i = 0; i < batch; i++) {
        embedding->images[i].pixels = embedding->pixels + i * side * side * 3;
    }
    return embedder_create(embedding->backbone.net, network->input, options->batch, false,
                           &embedding->embedder, error);
}

static enum status embed_batch(struct embedding *embedding, size_t count, struct error *error)
{
    const size_t width = (size_t)embedding->source->state.network.embedding;
    for (size_t i = 0; i < count; i++) {
        if (embedding->images[i].status != STATUS_OK) {
            *error = embedding->images[i].error;
            return embedding->images[i].status;
        }
    }
#pragma omp parallel for schedule(static) num_threads(embedding->options->threads)
    for (size_t i = 0; i < count; i++) {
        embedder_put(&embedding->embedder, (int)i, embedding->images[i].pixels);
    }
    if (count > 0) {
        embedder_run(&embedding->embedder, (int)count, NULL);
    }
    for (size_t i = 0; i < count; i++) {
        const uint32_t class =
            embedding->person ? embedding->person[embedding->image] : embedding->images[i].label;
        embedder_take(&embedding->embedder, (int)i, embedding->values);
        class_centre_add(embedding->values, width, embedding->sums + class * width,
                         &embedding->counts[class]);
        embedding->image++;
    }
    embedding->done += count;
    progress_update(&embedding->progress, embedding->done, embedding->total);
    return STATUS_OK;
}

/* Embeds what lies at `path` into sums [classes][D], and makes means of these. */
static enum status embed_images(struct embedding *embedding, const char *path, float *sums, uint32_t classes,
                                struct error *error)
{
    const int side = embedding->backbone.state.network.input;
    const char *paths[] = {path};
    struct image_source *images = NULL;
    size_t count = 1;
    embedding->sums = sums;
    embedding->image = 0;
    embedding->counts = calloc((size_t)classes + 1, sizeof *embedding->counts);
    enum status status =
        embedding->counts ? image_source_open(paths, 1, &images, error) : error_no_memory(error, "overlap");
    if (status == STATUS_OK && image_source_side(images) != side) {
        status = error_set(error, STATUS_DATA, path, "pack the images again at the model's input size",
                           "the images are %d x %d pixels, the model wants %d", image_source_side(images),
                           image_source_side(images), side);
    }
    while (status == STATUS_OK && count > 0) {
        status = image_source_next(images, side, embedding->options->threads,
                                   (size_t)embedding->options->batch, embedding->images, &count, error);
        if (status == STATUS_OK) {
            status = embed_batch(embedding, count, error);
        }
    }
    if (status == STATUS_OK) {
        class_centre_finish(sums, embedding->counts, classes,
                            (size_t)embedding->source->state.network.embedding);
    }
    image_source_close(images);
    free(embedding->counts);
    embedding->counts = NULL;
    return status;
}

static void release(struct embedding *embedding)
{
    embedder_free(&embedding->embedder);
    backbone_free(&embedding->backbone);
    free(embedding->images);
    free(embedding->pixels);
    free(embedding->values);
}

static enum status embed_datasets(struct embedding *embedding, struct error *error)
{
    struct overlap_source *source = embedding->source;
    const size_t width = (size_t)source->state.network.embedding;
    const size_t classes = (size_t)source->first_class[source->state.dataset_count];
    source->centres = calloc((classes + 1) * width, sizeof *source->centres);
    enum status status = source->centres ? STATUS_OK : error_no_memory(error, "overlap");
    progress_begin(&embedding->progress, "overlap", "images");
    for (size_t k = 0; k < source->state.dataset_count && status == STATUS_OK; k++) {
        status = embed_images(embedding, source->data[k].manifest.path,
                              source->centres + source->first_class[k] * width, source->classes[k], error);
    }
    progress_end(&embedding->progress);
    return status;
}

enum status overlap_embed(const struct overlap_source_options *options, struct overlap_source *source,
                          struct error *error)
{
    struct embedding embedding = {.options = options, .source = source};
    enum status status = STATUS_OK;
    for (size_t k = 0; k < source->state.dataset_count && status == STATUS_OK; k++) {
        if (!source->data[k].found) {
            status = error_set(error, STATUS_DATA, source->state.datasets[k].name,
                               "name its manifest by --manifest", "the images of this dataset are needed");
        } else {
            embedding.total += source->data[k].manifest.images;
        }
    }
    if (status == STATUS_OK) {
        status = load_model(&embedding, error);
    }
    if (status == STATUS_OK) {
        status = embed_datasets(&embedding, error);
    }
    release(&embedding);
    return status;
}

enum status overlap_embed_set(const struct overlap_source_options *options, const char *path,
                              const uint32_t *person, uint32_t people, struct overlap_source *source,
                              struct error *error)
{
    struct embedding embedding = {.options = options, .source = source, .person = person};
    const int width = source->state.network.embedding;
    enum status status = load_model(&embedding, error);
    if (status == STATUS_OK && embedding.backbone.state.network.embedding != width) {
        status = error_set(error, STATUS_DATA, embedding.backbone.path, "name one model",
                           "its embeddings have %d values, the centres %d",
                           embedding.backbone.state.network.embedding, width);
    }
    progress_begin(&embedding.progress, "overlap", "images");
    if (status == STATUS_OK) {
        const uint64_t before = source->first_class[source->state.dataset_count];
        status = embed_images(&embedding, path, source->centres + before * (size_t)width, people, error);
    }
    progress_end(&embedding.progress);
    release(&embedding);
    return status;
}
