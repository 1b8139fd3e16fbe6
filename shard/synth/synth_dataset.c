#include "shard/synth/synth_dataset.h"

#include "proto/file.h"
#include "shard/manifest.h"
#include "shard/synth/synth_batch.h"
#include "shard/synth/synth_people.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is under way while a dataset is written. */
struct dataset_work {
    const struct synth_config *config;
    int dataset;
    struct synth_progress *progress;
    uint64_t *person; /* [identities] by label */
    uint32_t *order; /* [images of the dataset]: label * images + number, shuffled */
    struct synth_job *jobs; /* [SYNTH_BATCH] */
    struct manifest manifest;
};

void synth_progress_add(const struct synth_config *config, struct synth_progress *progress, uint64_t images)
{
    progress->done += images;
    if (config->progress) {
        config->progress(config->context, progress->done, progress->total);
    }
}

void synth_class_name(const struct synth_config *config, int dataset, uint32_t label,
                      char name[SYNTH_CLASS_MAX])
{
    snprintf(name, SYNTH_CLASS_MAX, "%.100s%d-%06u", config->name, dataset, label);
}

static enum status append_batch(struct dataset_work *work, struct shard_writer *writer, size_t begin,
                                size_t count, struct error *error)
{
    const uint32_t images = (uint32_t)work->config->images;
    for (size_t i = 0; i < count; i++) {
        const uint32_t label = work->order[begin + i] / images;
        work->jobs[i] = (struct synth_job){.dataset = work->dataset,
                                           .person = work->person[label],
                                           .number = work->order[begin + i] % images,
                                           .label = label};
    }
    enum status status = synth_batch_draw(work->config, work->jobs, count, error);
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        status =
            shard_writer_append(writer, work->jobs[i].bytes, work->jobs[i].size, work->jobs[i].label, error);
    }
    synth_batch_free(work->jobs, count);
    if (status == STATUS_OK) {
        synth_progress_add(work->config, work->progress, count);
    }
    return status;
}

/* Images begin..end of the shuffled order, as shard `index` of the manifest. */
static enum status write_shard(struct dataset_work *work, uint32_t index, size_t begin, size_t end,
                               struct error *error)
{
    const struct manifest *manifest = &work->manifest;
    struct manifest_shard *entry = &work->manifest.shards[index];
    struct shard_writer *writer = NULL;
    char path[PATH_SIZE];
    char file[SHARD_NAME_MAX + 16];
    snprintf(file, sizeof file, "%s-%05u.h5", manifest->name, index);
    enum status status = file_join(work->config->directory, file, path, error);
    if (status != STATUS_OK) {
        return status;
    }
    entry->file = strdup(file);
    if (!entry->file) {
        return error_no_memory(error, "making a dataset");
    }
    entry->images = (uint32_t)(end - begin);
    status = shard_writer_create(path, manifest->name, manifest->dataset_id, index, manifest->shard_count,
                                 manifest->classes, manifest->encoding, &writer, error);
    if (status != STATUS_OK) {
        return status;
    }
    for (size_t at = begin; at < end && status == STATUS_OK; at += SYNTH_BATCH) {
        status = append_batch(work, writer, at, end - at < SYNTH_BATCH ? end - at : SYNTH_BATCH, error);
    }
    if (status != STATUS_OK) {
        shard_writer_abandon(writer);
        return status;
    }
    entry->index = shard_index_crc(shard_writer_state(writer));
    return shard_writer_finish(writer, &entry->bytes, &entry->crc, error);
}

static enum status write_class_names(const struct dataset_work *work, struct error *error)
{
    const struct synth_config *config = work->config;
    const size_t capacity = (size_t)config->identities * SYNTH_CLASS_MAX;
    char path[PATH_SIZE];
    char *text = malloc(capacity);
    size_t size = 0;
    if (!text) {
        return error_no_memory(error, "making a dataset");
    }
    for (uint32_t label = 0; label < (uint32_t)config->identities; label++) {
        char name[SYNTH_CLASS_MAX];
        synth_class_name(config, work->dataset, label, name);
        size += (size_t)snprintf(text + size, capacity - size, "%s\n", name);
    }
    enum status status = file_join(config->directory, work->manifest.class_names, path, error);
    if (status == STATUS_OK) {
        status = file_write_atomic(path, text, size, error);
    }
    free(text);
    return status;
}

static enum status prepare(struct dataset_work *work, struct error *error)
{
    const struct synth_config *config = work->config;
    const size_t images = (size_t)config->identities * (size_t)config->images;
    const size_t shards = (images + (size_t)config->shard_images - 1) / (size_t)config->shard_images;
    struct manifest *manifest = &work->manifest;
    char text[SHARD_NAME_MAX + 64];
    work->person = malloc((size_t)config->identities * sizeof *work->person);
    work->order = malloc(images * sizeof *work->order);
    work->jobs = malloc(SYNTH_BATCH * sizeof *work->jobs);
    manifest->shards = calloc(shards, sizeof *manifest->shards);
    snprintf(manifest->name, sizeof manifest->name, "%.100s%d", config->name, work->dataset);
    snprintf(text, sizeof text, "%s-classes.txt", manifest->name);
    manifest->class_names = strdup(text);
    snprintf(text, sizeof text, "synthetic, seed %llu", (unsigned long long)config->seed);
    manifest->source = strdup(text);
    if (!work->person || !work->order || !work->jobs || !manifest->shards || !manifest->class_names ||
        !manifest->source) {
        return error_no_memory(error, "making a dataset");
    }
    manifest->shard_count = (uint32_t)shards;
    manifest->dataset_id = (uint32_t)work->dataset;
    manifest->classes = (uint32_t)config->identities;
    manifest->images = images;
    manifest->image_size = config->size;
    manifest->encoding = config->encoding;
    for (size_t i = 0; i < images; i++) {
        work->order[i] = (uint32_t)i;
    }
    struct random random = random_stream(config->seed, RANDOM_PACK, (uint64_t)work->dataset, 1);
    random_shuffle(&random, work->order, images);
    return synth_people(config, work->dataset, work->person, error);
}

enum status synth_dataset_write(const struct synth_config *config, int dataset,
                                struct synth_progress *progress, struct error *error)
{
    struct dataset_work work = {.config = config, .dataset = dataset, .progress = progress};
    char path[PATH_SIZE], file[SHARD_NAME_MAX + 8];
    enum status status = prepare(&work, error);
    const size_t images = work.manifest.images;
    const size_t shards = work.manifest.shard_count;
    for (size_t i = 0; i < shards && status == STATUS_OK; i++) {
        status = write_shard(&work, (uint32_t)i, images * i / shards, images * (i + 1) / shards, error);
    }
    if (status == STATUS_OK) {
        status = write_class_names(&work, error);
    }
    snprintf(file, sizeof file, "%s.yaml", work.manifest.name);
    if (status == STATUS_OK) {
        status = file_join(config->directory, file, path, error);
    }
    if (status == STATUS_OK) {
        snprintf(work.manifest.directory, sizeof work.manifest.directory, "%s", config->directory);
        status = manifest_fingerprint(&work.manifest, work.manifest.fingerprint, error);
    }
    if (status == STATUS_OK) {
        status = manifest_write(&work.manifest, path, error);
    }
    manifest_close(&work.manifest);
    free(work.person);
    free(work.order);
    free(work.jobs);
    return status;
}
