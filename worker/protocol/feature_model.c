#include "worker/protocol/feature_model.h"

#include "shard/image_source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum status feature_model_open(const char *path, int batch, int threads, struct feature_model *model,
                               struct error *error)
{
    const struct backbone_use use = {.batch = batch, .threads = threads};
    *model = (struct feature_model){.batch = batch, .threads = threads};
    enum status status = backbone_load(path, &use, &model->backbone, error);
    if (status == STATUS_OK) {
        status = embedder_create(model->backbone.net, model->backbone.state.network.input, batch, true,
                                 &model->embedder, error);
    }
    return status;
}

void feature_model_close(struct feature_model *model)
{
    embedder_free(&model->embedder);
    backbone_free(&model->backbone);
}

static enum status allocate(struct features *features, const struct image_source *source, struct error *error)
{
    features->classes = image_source_classes(source);
    features->values =
        malloc(((size_t)image_source_images(source) + 1) * features->width * sizeof *features->values);
    features->label = features->classes > 0
                          ? malloc(((size_t)image_source_images(source) + 1) * sizeof *features->label)
                          : NULL;
    if (!features->values || (features->classes > 0 && !features->label)) {
        return error_no_memory(error, features->path);
    }
    if (features->classes == 0 || !image_source_identity(source, 0)) {
        return STATUS_OK;
    }
    features->identities = calloc(features->classes, sizeof *features->identities);
    for (uint32_t i = 0; features->identities && i < features->classes; i++) {
        features->identities[i] = strdup(image_source_identity(source, i));
        if (!features->identities[i]) {
            return error_no_memory(error, features->path);
        }
    }
    return features->identities ? STATUS_OK : error_no_memory(error, features->path);
}

static enum status take_batch(struct feature_model *model, const struct sourced_image *images, size_t count,
                              struct features *features, struct error *error)
{
    for (size_t i = 0; i < count; i++) {
        if (images[i].status != STATUS_OK) {
            *error = images[i].error;
            error_advise(error, "replace the image; each counts");
            return images[i].status;
        }
    }
#pragma omp parallel for schedule(static) num_threads(model->threads)
    for (size_t i = 0; i < count; i++) {
        embedder_put(&model->embedder, (int)i, images[i].pixels);
    }
    embedder_run(&model->embedder, (int)count, NULL);
    for (size_t i = 0; i < count; i++) {
        embedder_take(&model->embedder, (int)i, features->values + features->rows * features->width);
        if (features->label) {
            features->label[features->rows] = images[i].label;
        }
        features->rows++;
    }
    return STATUS_OK;
}

static enum status embed_all(struct feature_model *model, struct image_source *source,
                             struct sourced_image *images, struct features *features, struct error *error)
{
    size_t count = 1;
    enum status status = STATUS_OK;
    while (status == STATUS_OK && count > 0) {
        status = image_source_next(source, model->embedder.side, model->threads, (size_t)model->batch, images,
                                   &count, error);
        if (status == STATUS_OK && count > 0) {
            status = take_batch(model, images, count, features, error);
        }
        if (model->progress) {
            model->progress(model->context, features->rows, image_source_images(source));
        }
    }
    return status;
}

enum status feature_model_embed(struct feature_model *model, const char *const *paths, size_t count,
                                const struct face_table *faces, struct features *features,
                                struct error *error)
{
    const size_t side = (size_t)model->embedder.side, batch = (size_t)model->batch;
    struct image_source *source = NULL;
    *features = (struct features){.width = (size_t)model->embedder.embedding};
    snprintf(features->path, sizeof features->path, "%s", paths[0]);
    struct sourced_image *images = calloc(batch, sizeof *images);
    uint8_t *pixels = malloc(batch * side * side * 3);
    enum status status =
        images && pixels ? image_source_open(paths, count, &source, error) : error_no_memory(error, paths[0]);
    for (size_t i = 0; images && pixels && i < batch; i++) {
        images[i].pixels = pixels + i * side * side * 3;
    }
    if (status == STATUS_OK && faces) {
        status = image_source_align(source, faces, error);
    }
    if (status == STATUS_OK && image_source_side(source) != 0 && image_source_side(source) != (int)side) {
        status = error_set(error, STATUS_DATA, paths[0], "pack the images again at the model's input size",
                           "the images are %d x %d pixels, the model wants %zu", image_source_side(source),
                           image_source_side(source), side);
    }
    if (status == STATUS_OK) {
        status = allocate(features, source, error);
    }
    if (status == STATUS_OK) {
        status = embed_all(model, source, images, features, error);
    }
    image_source_close(source);
    free(images);
    free(pixels);
    return status;
}
