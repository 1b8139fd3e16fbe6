#include "shard/dataset/dataset_writer.h"

#include "proto/file.h"
#include "proto/thread.h"
#include "shard/dataset/dataset_commit.h"
#include "shard/dataset/dataset_file.h"
#include "shard/dataset/dataset_private.h"
#include "shard/dataset/packing_folder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum status dataset_writer_check(const char *directory, const char *name, bool force, struct error *error)
{
    char file[SHARD_NAME_MAX + 8], path[PATH_SIZE];
    if (!shard_name_is_valid(name)) {
        return error_set(error, STATUS_USAGE, name, "use letters, digits, '.', '_' and '-'",
                         "a dataset cannot have this name");
    }
    snprintf(file, sizeof file, "%s.yaml", name);
    enum status status = file_join(directory, file, path, error);
    if (status == STATUS_OK && !force && file_exists(path)) {
        status = error_set(error, STATUS_USAGE, path, "choose another name, or replace it with --force",
                           "the dataset exists already");
    }
    return status == STATUS_OK ? dataset_check_owner(directory, name, error) : status;
}

static enum status begin_manifest(struct dataset_writer *writer, struct error *error)
{
    const struct dataset_plan *plan = &writer->plan;
    struct manifest *manifest = &writer->manifest;
    manifest->dataset_id = plan->dataset_id;
    manifest->classes = plan->classes;
    manifest->image_size = plan->image_size;
    snprintf(manifest->name, sizeof manifest->name, "%s", plan->name);
    manifest->source = !plan->source ? NULL : strdup(plan->source);
    manifest->shards = calloc(plan->shards, sizeof *manifest->shards);
    writer->finished = calloc(plan->shards, sizeof *writer->finished);
    writer->tally.stored = calloc(plan->classes, sizeof *writer->tally.stored);
    if (!manifest->shards || !writer->finished || !writer->tally.stored) {
        return error_no_memory(error, plan->name);
    }
    return STATUS_OK;
}

static enum status prepare(struct dataset_writer *writer, struct error *error)
{
    const struct dataset_plan *plan = &writer->plan;
    if (plan->classes == 0 || plan->images == 0 || plan->shards == 0 || plan->shards > plan->images) {
        return error_set(error, STATUS_DATA, plan->name, NULL, "%llu images of %u classes make no dataset",
                         (unsigned long long)plan->images, plan->classes);
    }
    enum status status = packing_folder_path(plan->directory, plan->name, writer->hidden, error);
    if (status == STATUS_OK) {
        status = begin_manifest(writer, error);
    }
    if (status == STATUS_OK) {
        status = dataset_hidden_own(writer, error);
    }
    if (status == STATUS_OK) { /* another packing may have ended just now */
        status = dataset_writer_check(plan->directory, plan->name, plan->force, error);
    }
    if (status == STATUS_OK) {
        status = dataset_take_finished(writer, error);
    }
    if (status == STATUS_OK) {
        status = dataset_choose_names(writer, error);
    }
    if (status != STATUS_OK) {
        writer->unsettled = writer->lock; /* what is finished was not looked at to its end */
        return status;
    }
    writer->journaled = plan->job;
    dataset_hidden_clear(writer);
    if (plan->job) {
        status = dataset_journal_begin(writer->hidden, plan->job, &writer->job_crc, error);
    }
    writer->plan.job = NULL; /* the caller's */
    return status;
}

enum status dataset_writer_create(const struct dataset_plan *plan, struct dataset_writer **result,
                                  struct error *error)
{
    *result = NULL;
    enum status status = dataset_writer_check(plan->directory, plan->name, plan->force, error);
    if (status != STATUS_OK) {
        return status;
    }
    struct dataset_writer *writer = calloc(1, sizeof *writer);
    if (!writer) {
        return error_no_memory(error, plan->name);
    }
    writer->plan = *plan;
    status = prepare(writer, error);
    if (status == STATUS_OK) {
        *result = writer;
    } else {
        dataset_writer_abandon(writer);
    }
    return status;
}

static enum status wait_for_shard(struct dataset_writer *writer, struct error *error);

void dataset_writer_abandon(struct dataset_writer *writer)
{
    if (!writer) {
        return;
    }
    wait_for_shard(writer, NULL);
    shard_writer_abandon(writer->shard);
    if (!writer->journaled) {
        writer->tally.shards = 0;
    }
    if (writer->lock) {
        dataset_hidden_leave(writer);
    }
    manifest_close(&writer->manifest);
    free(writer->finished);
    free(writer->origin);
    free(writer->finishing.origin);
    free(writer->tally.stored);
    free(writer);
}

const struct dataset_tally *dataset_writer_tally(const struct dataset_writer *writer)
{
    return &writer->tally;
}

const char *dataset_writer_directory(const struct dataset_writer *writer)
{
    return writer->hidden;
}

/* --- Shards --- */

static enum status begin_shard(struct dataset_writer *writer, struct error *error)
{
    const struct dataset_plan *plan = &writer->plan;
    uint32_t number = writer->manifest.shard_count;
    char path[PATH_SIZE];
    enum status status = dataset_list_shard(writer, error);
    if (status == STATUS_OK) {
        status = file_join(writer->hidden, writer->manifest.shards[number].file, path, error);
    }
    if (status == STATUS_OK) {
        status = shard_writer_create(path, plan->name, plan->dataset_id, number, plan->shards, plan->classes,
                                     plan->encoding, &writer->shard, error);
    }
    writer->kept_before = writer->tally.kept;
    return status;
}

static void *finish_shard(void *argument)
{
    struct finishing *finishing = argument;
    finishing->status =
        shard_writer_finish(finishing->shard, &finishing->bytes, &finishing->crc, &finishing->error);
    return NULL;
}

/* Until the shard that is being finished, if one is, is so. */
static enum status wait_for_shard(struct dataset_writer *writer, struct error *error)
{
    struct finishing *finishing = &writer->finishing;
    if (!finishing->running) {
        return STATUS_OK;
    }
    pthread_join(finishing->thread, NULL);
    finishing->running = false;
    if (finishing->status != STATUS_OK) {
        if (error) {
            *error = finishing->error;
        }
        return finishing->status;
    }
    struct journal_shard shard = writer->finished[writer->tally.shards];
    shard.bytes = finishing->bytes;
    shard.crc = finishing->crc;
    enum status status = STATUS_OK;
    if (writer->journaled) {
        status =
            dataset_journal_write_origins(writer->hidden, writer->manifest.shards[writer->tally.shards].file,
                                          finishing->origin, finishing->origins, &shard.origins, error);
    }
    if (status != STATUS_OK) {
        return status;
    }
    dataset_count_shard(writer, &shard);
    return writer->journaled ? dataset_journal_write(writer->hidden, writer->job_crc, writer->generation,
                                                     writer->finished, writer->tally.shards, error)
                             : STATUS_OK;
}

static enum status end_shard(struct dataset_writer *writer, struct error *error)
{
    struct manifest *manifest = &writer->manifest;
    const struct shard *state = shard_writer_state(writer->shard);
    enum status status = wait_for_shard(writer, error);
    if (status != STATUS_OK) {
        return status;
    }
    manifest->shards[manifest->shard_count - 1].images = state->images;
    manifest->shards[manifest->shard_count - 1].index = shard_index_crc(state);
    manifest->images += state->images;
    dataset_count_encoding(manifest, state->encoding);
    writer->finished[manifest->shard_count - 1] = (struct journal_shard){
        .images = state->images, .kept = (uint32_t)(writer->tally.kept - writer->kept_before)};
    writer->finishing.shard = writer->shard;
    writer->shard = NULL;
    free(writer->finishing.origin);
    writer->finishing.origin = writer->origin;
    writer->finishing.origins = writer->origins;
    writer->origin = NULL;
    writer->origins = writer->capacity = 0;
    status =
        thread_start(&writer->finishing.thread, finish_shard, &writer->finishing, writer->plan.name, error);
    writer->finishing.running = status == STATUS_OK;
    if (status != STATUS_OK) {
        shard_writer_abandon(writer->finishing.shard);
    }
    return status;
}

/* Moves on by one image, and to the next shard when this one has its share. */
static enum status step(struct dataset_writer *writer, const struct dataset_origin *origin,
                        struct error *error)
{
    if (writer->origins == writer->capacity) {
        const uint64_t capacity = writer->capacity == 0 ? 1024 : writer->capacity * 2;
        struct dataset_origin *grown = realloc(writer->origin, (size_t)capacity * sizeof *grown);
        if (!grown) {
            return error_no_memory(error, writer->plan.name);
        }
        writer->origin = grown;
        writer->capacity = capacity;
    }
    writer->origin[writer->origins++] = origin ? *origin : (struct dataset_origin){0};
    writer->tally.next++;
    if (writer->tally.next == dataset_plan_share_end(&writer->plan, writer->manifest.shard_count - 1)) {
        return end_shard(writer, error);
    }
    return STATUS_OK;
}

static enum status be_ready(struct dataset_writer *writer, struct error *error)
{
    if (writer->tally.next == writer->plan.images) {
        return error_set(error, STATUS_INTERNAL, writer->plan.name, NULL,
                         "more images came than were planned");
    }
    return !writer->shard ? begin_shard(writer, error) : STATUS_OK;
}

enum status dataset_writer_append(struct dataset_writer *writer, const uint8_t *bytes, size_t size,
                                  uint32_t label, bool kept, const struct dataset_origin *origin,
                                  struct error *error)
{
    enum status status = be_ready(writer, error);
    if (status == STATUS_OK) {
        status = shard_writer_append(writer->shard, bytes, size, label, error);
    }
    if (status != STATUS_OK) {
        return status;
    }
    writer->tally.images++;
    writer->tally.kept += kept;
    writer->tally.stored[label]++;
    return step(writer, origin, error);
}

enum status dataset_writer_skip(struct dataset_writer *writer, const struct dataset_origin *origin,
                                struct error *error)
{
    enum status status = be_ready(writer, error);
    return status == STATUS_OK ? step(writer, origin, error) : status;
}

/* --- The end --- */

static enum status write_names(const struct dataset_writer *writer, const char *const *names,
                               struct error *error)
{
    char path[PATH_SIZE], *text = NULL;
    size_t size = 0;
    enum status status = file_join(writer->hidden, writer->manifest.class_names, path, error);
    if (status != STATUS_OK) {
        return status;
    }
    FILE *stream = open_memstream(&text, &size);
    for (uint32_t i = 0; stream && i < writer->plan.classes; i++) {
        fprintf(stream, "%s\n", names[i]);
    }
    return file_write_printed(path, stream, &text, &size, error);
}

/* All that is needed before anything is moved. */
static enum status complete(struct dataset_writer *writer, const char *const *names, struct error *error)
{
    struct manifest *manifest = &writer->manifest;
    enum status status = wait_for_shard(writer, error);
    if (status == STATUS_OK && (writer->shard || writer->tally.shards != writer->plan.shards)) {
        status = error_set(error, STATUS_INTERNAL, writer->plan.name, NULL, "%llu of %llu images came",
                           (unsigned long long)writer->tally.next, (unsigned long long)writer->plan.images);
    }
    if (status == STATUS_OK) {
        status = manifest_is_valid(manifest, error);
    }
    if (status == STATUS_OK) {
        status = write_names(writer, names, error);
    }
    if (status == STATUS_OK) {
        snprintf(manifest->directory, sizeof manifest->directory, "%s", writer->hidden);
        status = manifest_fingerprint(manifest, manifest->fingerprint, error);
    }
    return status == STATUS_OK
               ? dataset_writer_check(writer->plan.directory, writer->plan.name, writer->plan.force, error)
               : status;
}

enum status dataset_writer_finish(struct dataset_writer *writer, const char *const *names, uint64_t *bytes,
                                  struct error *error)
{
    const struct manifest *manifest = &writer->manifest;
    const struct dataset_commit commit = {.directory = writer->plan.directory,
                                          .hidden = writer->hidden,
                                          .lock = writer->lock,
                                          .manifest = manifest};
    bool placed = false;
    enum status status = complete(writer, names, error);
    if (status == STATUS_OK) {
        status = dataset_commit(&commit, &placed, error);
    }
    writer->done = status == STATUS_OK;
    writer->unsettled = status != STATUS_OK && placed;
    if (writer->unsettled) {
        error_advise(
            error,
            "the new dataset is in place and whole; see to the disk, then pack it again with --force to "
            "remove what is left of the old one");
    }
    if (bytes) {
        *bytes = 0;
        for (uint32_t i = 0; i < manifest->shard_count; i++) {
            *bytes += manifest->shards[i].bytes;
        }
    }
    dataset_writer_abandon(writer);
    return status;
}
