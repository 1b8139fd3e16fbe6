#include "worker/blame.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

static bool are_finite(const float *values, size_t count)
{
    /* 0 x is 0 for every finite x, and NaN for any other. */
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (size_t i = 0; i < count; i++) {
        sum += 0 * values[i];
    }
    return sum == 0;
}

/* The lane is to blame; the first one is remembered. */
static bool begin(struct blame *blame, int lane, enum blame_place place)
{
    if (blame->lanes > 0 && blame->last == lane) {
        return false;
    }
    blame->last = lane;
    if (++blame->lanes > 1) {
        return false;
    }
    blame->lane = lane;
    blame->place = place;
    blame->samples = 0;
    return true;
}

static void add(struct blame *blame, const struct sample *sample)
{
    if (blame->samples < BLAME_SAMPLES_MAX) {
        blame->ids[blame->samples] = sample->id;
    }
    blame->samples++;
}

/* Adds the samples whose row of values is not finite. */
static void add_rows(struct blame *blame, const struct micro_batch *batch, int count, const float *values,
                     size_t width)
{
    for (int i = 0; i < count; i++) {
        if (!are_finite(values + (size_t)i * width, width)) {
            add(blame, &batch->sample[i]);
        }
    }
}

void blame_forward(struct blame *blame, const struct micro_batch *batch, size_t pixels, int count,
                   const float *embedding, size_t width)
{
    if (are_finite(embedding, (size_t)count * width) || !begin(blame, batch->lane, BLAME_PIXELS)) {
        return;
    }
    add_rows(blame, batch, count, batch->image, pixels);
    if (blame->samples == 0) {
        blame->place = BLAME_FORWARD;
        add_rows(blame, batch, count, embedding, width);
    }
}

void blame_losses(struct blame *blame, const struct micro_batch *batch, int count, const float *gradient,
                  size_t width)
{
    if (!are_finite(gradient, (size_t)count * width) && begin(blame, batch->lane, BLAME_LOSS)) {
        add_rows(blame, batch, count, gradient, width);
    }
}

void blame_backward(struct blame *blame, const struct micro_batch *batch, int count, const float *gradient,
                    size_t values)
{
    /* The gradient sums over the lanes: after the first bad one it tells nothing of the others. */
    if (blame->lanes == 0 && !are_finite(gradient, values) && begin(blame, batch->lane, BLAME_BACKWARD)) {
        for (int i = 0; i < count; i++) {
            add(blame, &batch->sample[i]);
        }
    }
}

struct text {
    char *at;
    size_t left;
};

__attribute__((format(printf, 2, 3))) static void say(struct text *text, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text->at, text->left, format, arguments);
    va_end(arguments);
    size_t used = length < 0 ? 0 : (size_t)length < text->left ? (size_t)length : text->left - 1;
    text->at += used;
    text->left -= used;
}

static void say_sample(struct text *text, uint64_t id, const struct manifest *manifests, size_t datasets)
{
    size_t dataset = sample_id_dataset(id);
    uint64_t image = sample_id_image(id), left = image;
    if (dataset >= datasets) {
        return;
    }
    const struct manifest *manifest = &manifests[dataset];
    say(text, "image %llu of %s", (unsigned long long)image, manifest->name);
    for (uint32_t i = 0; i < manifest->shard_count; i++) {
        if (left < manifest->shards[i].images) {
            say(text, " (%s, image %llu)", manifest->shards[i].file, (unsigned long long)left);
            return;
        }
        left -= manifest->shards[i].images;
    }
}

void blame_describe(const struct blame *blame, const struct manifest *manifests, size_t datasets, char *text,
                    size_t size)
{
    static const char *const places[] = {"in the pixels of", "in the forward pass of", "in the losses of",
                                         "in the backward pass of"};
    struct text rest = {text, size};
    say(&rest, "lane %d, %s ", blame->lane, places[blame->place]);
    for (int i = 0; i < blame->samples && i < BLAME_SAMPLES_MAX; i++) {
        say(&rest, "%s", i > 0 ? ", " : "");
        say_sample(&rest, blame->ids[i], manifests, datasets);
    }
    if (blame->samples > BLAME_SAMPLES_MAX) {
        say(&rest, " and %d more", blame->samples - BLAME_SAMPLES_MAX);
    }
}
