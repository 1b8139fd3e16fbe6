#include "worker/evaluate/evaluation.h"

#include "shard/image/image.h"
#include "worker/evaluate/embedder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The share of one worker, and its memory. A row holds an image's sum of embeddings, then the mean norm of
 * the two. */
struct evaluation {
    struct embedder embedder;
    const struct iresnet_hooks *hooks;
    const struct pairs *pairs;
    int side, batch, embedding;
    size_t row; /* floats */
    size_t share; /* images of the largest share: all workers exchange so many */
    size_t begin, end; /* own images */
    uint8_t *pixels; /* [side][side][3] */
    float *own; /* [share][row] */
    float *all; /* [workers][share][row] */
    float *sum; /* [images][embedding] */
};

static size_t share_begin(size_t images, int size, int rank)
{
    return images * (size_t)rank / (size_t)size;
}

static enum status allocate(struct evaluation *evaluation, int workers, struct error *error)
{
    size_t embedding = (size_t)evaluation->embedding, rows = evaluation->share + 1;
    evaluation->pixels = malloc((size_t)evaluation->side * (size_t)evaluation->side * 3);
    evaluation->own = calloc(rows * evaluation->row, sizeof(float));
    evaluation->all = calloc((size_t)workers * rows * evaluation->row, sizeof(float));
    evaluation->sum = calloc(((size_t)evaluation->pairs->images + 1) * embedding, sizeof(float));
    if (!evaluation->pixels || !evaluation->own || !evaluation->all || !evaluation->sum) {
        return error_no_memory(error, evaluation->pairs->name);
    }
    return STATUS_OK;
}

static void release(struct evaluation *evaluation)
{
    embedder_free(&evaluation->embedder);
    free(evaluation->pixels);
    free(evaluation->own);
    free(evaluation->all);
    free(evaluation->sum);
}

static enum status load_image(struct evaluation *evaluation, size_t index, int place, struct error *error)
{
    const struct pairs *pairs = evaluation->pairs;
    uint64_t begin = pairs->offset[index], end = pairs->offset[index + 1];
    enum status status = image_decode_into(pairs->image + begin, (size_t)(end - begin), evaluation->side,
                                           evaluation->pixels, error);
    if (status != STATUS_OK) {
        char where[1200];
        snprintf(where, sizeof where, "%s, image %zu", pairs->path, index);
        error_prefix_where(error, where);
        return status;
    }
    embedder_put(&evaluation->embedder, place, evaluation->pixels);
    return STATUS_OK;
}

/* Embeds own images [begin, begin + count) and fills their rows. */
static enum status embed(struct evaluation *evaluation, size_t begin, int count, struct error *error)
{
    for (int i = 0; i < count; i++) {
        enum status status = load_image(evaluation, begin + (size_t)i, i, error);
        if (status != STATUS_OK) {
            return status;
        }
    }
    embedder_run(&evaluation->embedder, count, evaluation->hooks);
    for (int i = 0; i < count; i++) {
        float *row = evaluation->own + (begin + (size_t)i - evaluation->begin) * evaluation->row;
        row[evaluation->embedding] = embedder_take(&evaluation->embedder, i, row);
    }
    return STATUS_OK;
}

/* All workers go through as many rounds, even one that failed or has nothing left: `stop` may be collective.
 */
static enum status embed_share(struct evaluation *evaluation, enum status failure,
                               bool (*stop)(void *context), void *context, struct error *error)
{
    size_t batch = (size_t)evaluation->batch;
    size_t rounds = (evaluation->share + batch - 1) / batch;
    for (size_t round = 0; round < rounds; round++) {
        if (stop && stop(context)) {
            return error_set(error, STATUS_STOPPED, evaluation->pairs->name, NULL, "evaluation stopped");
        }
        size_t begin = evaluation->begin + round * batch;
        if (failure == STATUS_OK && begin < evaluation->end) {
            size_t left = evaluation->end - begin;
            failure = embed(evaluation, begin, (int)(left < batch ? left : batch), error);
        }
    }
    return failure;
}

/* Rows of all workers -> sums in the order of the images, and the mean norm. */
static enum status gather(struct evaluation *evaluation, struct exchange *exchange, double *mean_norm,
                          struct error *error)
{
    size_t images = evaluation->pairs->images, embedding = (size_t)evaluation->embedding;
    enum status status = exchange->operations->allgather(exchange, evaluation->own,
                                                         evaluation->share * evaluation->row * sizeof(float),
                                                         evaluation->all, error);
    double norms = 0;
    for (int rank = 0; rank < exchange->size && status == STATUS_OK; rank++) {
        size_t begin = share_begin(images, exchange->size, rank);
        size_t end = share_begin(images, exchange->size, rank + 1);
        const float *row = evaluation->all + (size_t)rank * evaluation->share * evaluation->row;
        for (size_t i = begin; i < end; i++, row += evaluation->row) {
            memcpy(evaluation->sum + i * embedding, row, embedding * sizeof(float));
            norms += row[embedding];
        }
    }
    *mean_norm = images > 0 ? norms / (double)images : 0;
    return status;
}

enum status evaluation_run(struct iresnet *net, int input, int batch, const struct pairs *pairs,
                           struct exchange *exchange, const struct iresnet_hooks *hooks,
                           bool (*stop)(void *context), void *context, struct verification *result,
                           double *distances, struct error *error)
{
    int size = exchange->size, rank = exchange->rank;
    if (pairs->image_size != input) {
        return error_set(error, STATUS_DATA, pairs->path, "import the set again at the model's input size",
                         "validation set of another image size: %d, the model wants %d", pairs->image_size,
                         input);
    }
    struct evaluation evaluation = {.hooks = hooks,
                                    .pairs = pairs,
                                    .side = input,
                                    .batch = batch,
                                    .embedding = iresnet_embedding(net),
                                    .row = (size_t)iresnet_embedding(net) + 1,
                                    .share = ((size_t)pairs->images + (size_t)size - 1) / (size_t)size,
                                    .begin = share_begin(pairs->images, size, rank),
                                    .end = share_begin(pairs->images, size, rank + 1)};
    double mean_norm = 0;
    enum status status = verification_check(pairs->same, pairs->fold, pairs->count, error);
    if (status != STATUS_OK) {
        error_prefix_where(error, pairs->path);
        return status;
    }
    status = embedder_create(net, input, batch, true, &evaluation.embedder, error);
    if (status == STATUS_OK) {
        status = allocate(&evaluation, size, error);
    }
    status = embed_share(&evaluation, status, stop, context, error);
    if (status != STATUS_STOPPED) {
        status = exchange_agree(exchange, status, error);
        if (status == STATUS_OK) {
            status = gather(&evaluation, exchange, &mean_norm, error);
        }
        if (status == STATUS_OK) {
            status = verification_score(evaluation.sum, pairs->images, evaluation.embedding, mean_norm,
                                        pairs->pair, pairs->same, pairs->fold, pairs->count, result, error);
            if (status == STATUS_OK && distances) {
                status = verification_distances(evaluation.sum, pairs->images, evaluation.embedding,
                                                pairs->pair, pairs->count, distances, error);
            }
            if (status != STATUS_OK) {
                error_prefix_where(error, pairs->path);
            }
        }
    }
    release(&evaluation);
    return status;
}
