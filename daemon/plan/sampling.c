#include "daemon/plan/sampling.h"

#include "proto/random.h"
#include "worker/exchange/sample.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static uint64_t least_of(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Draws of a person, all epochs before this one together. */
static uint64_t draws_before(const struct sampling *sampling, uint64_t epoch, uint32_t person)
{
    return (epoch * sampling->images + person) / sampling->people;
}

static void count_people(struct sampling *sampling)
{
    for (uint64_t i = 0; i < sampling->images; i++) {
        sampling->count[sampling->label[i]]++;
    }
    sampling->epoch_images = 0;
    sampling->least = UINT32_MAX;
    for (uint32_t c = 0; c < sampling->classes; c++) {
        if (sampling->count[c] > 0) {
            const uint32_t due = (uint32_t)least_of(sampling->count[c], sampling->cap);
            sampling->person[c] = sampling->people++;
            sampling->epoch_images += due;
            sampling->least = due < sampling->least ? due : sampling->least;
            sampling->most = due > sampling->most ? due : sampling->most;
        }
    }
    if (sampling->kind == CONFIG_SAMPLING_BALANCED && sampling->people > 0) {
        sampling->epoch_images = sampling->images;
        sampling->least = (uint32_t)(sampling->images / sampling->people);
        sampling->most = sampling->least + (sampling->images % sampling->people > 0);
    }
}

enum status sampling_make(enum config_sampling kind, uint32_t cap, uint32_t dataset, uint32_t *label,
                          uint64_t images, uint32_t classes, struct sampling *sampling, struct error *error)
{
    *sampling = (struct sampling){.kind = kind,
                                  .cap = cap,
                                  .dataset = dataset,
                                  .images = images,
                                  .epoch_images = images,
                                  .label = label,
                                  .classes = classes};
    if (kind == CONFIG_SAMPLING_NATURAL) {
        return STATUS_OK;
    }
    const size_t size = (size_t)classes + 1;
    sampling->count = calloc(size, sizeof *sampling->count);
    sampling->person = calloc(size, sizeof *sampling->person);
    sampling->seen = calloc(size, sizeof *sampling->seen);
    sampling->left = calloc(size, sizeof *sampling->left);
    if (!sampling->count || !sampling->person || !sampling->seen || !sampling->left) {
        sampling_close(sampling);
        return error_no_memory(error, "sampling");
    }
    count_people(sampling);
    return STATUS_OK;
}

static enum status read_labels(const struct manifest *manifest, uint32_t *label, struct error *error)
{
    uint64_t next = 0;
    for (uint32_t i = 0; i < manifest->shard_count; i++) {
        struct shard shard = {0};
        enum status status = manifest_open_shard(manifest, i, &shard, error);
        if (status != STATUS_OK) {
            return status;
        }
        for (uint32_t image = 0; image < shard.images; image++) {
            if (!manifest_shard_lacks(&manifest->shards[i], image)) {
                label[next++] = shard.label[image];
            }
        }
        shard_close(&shard);
    }
    return STATUS_OK;
}

enum status sampling_open(const struct manifest *manifest, enum config_sampling kind, uint32_t cap,
                          uint32_t dataset, struct sampling *sampling, struct error *error)
{
    uint32_t *label = NULL;
    if (kind != CONFIG_SAMPLING_NATURAL) {
        label = malloc((size_t)manifest_kept(manifest) * sizeof *label + 1);
        enum status status =
            label ? read_labels(manifest, label, error) : error_no_memory(error, manifest->path);
        if (status != STATUS_OK) {
            free(label);
            return status;
        }
    }
    return sampling_make(kind, cap, dataset, label, manifest_kept(manifest), manifest->classes, sampling,
                         error);
}

void sampling_close(struct sampling *sampling)
{
    free(sampling->label);
    free(sampling->count);
    free(sampling->person);
    free(sampling->seen);
    free(sampling->left);
    *sampling = (struct sampling){.kind = CONFIG_SAMPLING_NATURAL};
}

/* How many numbers below `end` are `number` modulo n. */
static uint64_t comings(uint64_t end, uint32_t number, uint32_t n)
{
    return end / n + (end % n > number);
}

static void draw_balanced(const struct sampling *sampling, uint64_t epoch, uint32_t *repeats)
{
    memset(sampling->seen, 0, sampling->classes * sizeof *sampling->seen);
    for (uint64_t i = 0; i < sampling->images; i++) {
        const uint32_t class = sampling->label[i], n = sampling->count[class];
        const uint32_t number = sampling->seen[class]++, person = sampling->person[class];
        repeats[i] = (uint32_t)(comings(draws_before(sampling, epoch + 1, person), number, n) -
                                comings(draws_before(sampling, epoch, person), number, n));
    }
}

/* Knuth's algorithm S for each person: an image is taken with the chance of those still wanted among those still to
 * come. */
static void draw_capped(const struct sampling *sampling, uint64_t seed, uint64_t epoch, uint32_t *repeats)
{
    for (uint32_t c = 0; c < sampling->classes; c++) {
        sampling->seen[c] = 0;
        sampling->left[c] = (uint32_t)least_of(sampling->count[c], sampling->cap);
    }
    for (uint64_t i = 0; i < sampling->images; i++) {
        const uint32_t class = sampling->label[i];
        const uint32_t to_come = sampling->count[class] - sampling->seen[class]++;
        struct random random = random_stream(seed, RANDOM_SAMPLE, epoch, sample_id(sampling->dataset, i));
        repeats[i] = random_below(&random, to_come) < sampling->left[class];
        sampling->left[class] -= repeats[i];
    }
}

void sampling_draw(const struct sampling *sampling, uint64_t seed, int64_t epoch, uint32_t *repeats)
{
    if (sampling->kind == CONFIG_SAMPLING_BALANCED) {
        draw_balanced(sampling, (uint64_t)epoch, repeats);
    } else {
        draw_capped(sampling, seed, (uint64_t)epoch, repeats);
    }
}

void sampling_text(const struct sampling *sampling, char *text, size_t size)
{
    static const char *const names[] = {"natural", "balanced", "capped"};
    const int used = snprintf(text, size, "%s, %" PRIu64 " images an epoch", names[sampling->kind],
                              sampling->epoch_images);
    if (sampling->kind != CONFIG_SAMPLING_NATURAL && sampling->least == sampling->most) {
        snprintf(text + used, size - (size_t)used, ", %" PRIu32 " of each person", sampling->least);
    } else if (sampling->kind != CONFIG_SAMPLING_NATURAL) {
        snprintf(text + used, size - (size_t)used, ", %" PRIu32 " to %" PRIu32 " of each person",
                 sampling->least, sampling->most);
    }
}
