/* Embeddings made of images by a network, each with its mirror, and kept in memory.
 */
#ifndef DAIL_WORKER_PROTOCOL_FEATURE_MODEL_H
#define DAIL_WORKER_PROTOCOL_FEATURE_MODEL_H

#include "shard/align/face_table.h"
#include "worker/evaluate/embedder.h"
#include "worker/interchange/backbone.h"
#include "worker/protocol/features.h"

struct feature_model {
    struct backbone backbone;
    struct embedder embedder;
    int batch, threads;
    void (*progress)(void *context, uint64_t done, uint64_t total); /* images; may be NULL */
    void *context;
};

/* The caller calls feature_model_close in any case. */
enum status feature_model_open(const char *path, int batch, int threads, struct feature_model *model,
                               struct error *error);
void feature_model_close(struct feature_model *model);

/* `paths` as image_source_open takes them; faces: laid on InsightFace's template by it; may be NULL. Every image counts: the
 * first that is bad ends it. The caller calls features_close in any case. */
enum status feature_model_embed(struct feature_model *model, const char *const *paths, size_t count,
                                const struct face_table *faces, struct features *features,
                                struct error *error);

#endif
