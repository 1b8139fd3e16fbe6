#include "worker/evaluate/embedder.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum status embedder_create(struct iresnet *net, int side, int batch, bool mirror, struct embedder *embedder,
                            struct error *error)
{
    int embedding = iresnet_embedding(net);
    size_t values = (size_t)batch * (size_t)side * (size_t)side * 3;
    size_t results = (size_t)batch * (size_t)embedding;
    *embedder =
        (struct embedder){.net = net, .side = side, .batch = batch, .embedding = embedding, .mirror = mirror};
    embedder->image = malloc(values * sizeof(float));
    embedder->first = malloc(results * sizeof(float));
    if (mirror) {
        embedder->mirrored = malloc(values * sizeof(float));
        embedder->second = malloc(results * sizeof(float));
    }
    if (!embedder->image || !embedder->first || (mirror && (!embedder->mirrored || !embedder->second))) {
        return error_set(error, STATUS_INTERNAL, NULL, "lower the batch", "no memory for %d images", batch);
    }
    return STATUS_OK;
}

void embedder_free(struct embedder *embedder)
{
    free(embedder->image);
    free(embedder->mirrored);
    free(embedder->first);
    free(embedder->second);
    *embedder = (struct embedder){0};
}

void embedder_put(struct embedder *embedder, int place, const uint8_t *pixels)
{
    size_t side = (size_t)embedder->side, begin = (size_t)place * side * side * 3;
    for (size_t y = 0; y < side; y++) {
        for (size_t x = 0; x < side; x++) {
            const uint8_t *pixel = pixels + (y * side + x) * 3;
            float *image = embedder->image + begin + (y * side + x) * 3;
            float *mirrored =
                embedder->mirror ? embedder->mirrored + begin + (y * side + side - 1 - x) * 3 : NULL;
            for (size_t c = 0; c < 3; c++) {
                float value = ((float)pixel[c] - 127.5f) / 127.5f;
                image[c] = value;
                if (mirrored) {
                    mirrored[c] = value;
                }
            }
        }
    }
}

void embedder_run(struct embedder *embedder, int count, const struct iresnet_hooks *hooks)
{
    iresnet_infer(embedder->net, count, embedder->image, embedder->first, hooks);
    if (embedder->mirror) {
        iresnet_infer(embedder->net, count, embedder->mirrored, embedder->second, hooks);
    }
}

static float norm(const float *values, int count)
{
    double sum = 0;
    for (int i = 0; i < count; i++) {
        sum += (double)values[i] * (double)values[i];
    }
    return (float)sqrt(sum);
}

float embedder_take(const struct embedder *embedder, int place, float *values)
{
    int count = embedder->embedding;
    size_t begin = (size_t)place * (size_t)count;
    const float *first = embedder->first + begin;
    if (!embedder->mirror) {
        memcpy(values, first, (size_t)count * sizeof *values);
        return norm(first, count);
    }
    const float *second = embedder->second + begin;
    for (int i = 0; i < count; i++) {
        values[i] = first[i] + second[i];
    }
    return (norm(first, count) + norm(second, count)) / 2;
}
