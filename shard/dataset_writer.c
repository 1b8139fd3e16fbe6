#include "shard/dataset_writer.h"

#include "proto/file.h"
#include "proto/folder_lock.h"
#include "proto/thread.h"
#include "shard/dataset_journal.h"
#include "shard/manifest.h"
#include "shard/shard.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A packing that has shown no life for so many seconds is taken over. */
#define STALE_SECONDS 180.0
/* The hidden folder is removed at the end of another packing just when this one has found it: so often. */
#define TRIES 100

/* A shard that a thread of its own brings to its end: to the disk, and its crc. */
struct finishing {
    pthread_t thread;
    bool running;
    struct shard_writer *shard;
    uint64_t bytes;
    uint32_t crc;
    enum status status;
    struct error error;
};

struct dataset_writer {
    struct dataset_plan plan;
    char hidden[PATH_SIZE]; /* the folder */
    struct folder_lock *lock; /* on it */
    char warning[512]; /* whom it was taken over from */
    struct manifest manifest; /* as far as it is known; its last shard may be open or being finished */
    struct shard_writer *shard; /* the open one, or NULL */
    struct finishing finishing; /* the one before */
    struct journal_shard *finished; /* [plan.shards] */
    bool journaled; /* what is finished stays for the next try */
    uint64_t kept_before; /* tally.kept where the open shard begins */
    struct dataset_tally tally;
};

uint64_t dataset_plan_share_end(const struct dataset_plan *plan, uint32_t shard)
{
    /* Without overflow for any number of images. */
    uint64_t whole = plan->images / plan->shards, rest = plan->images % plan->shards;
    return whole * (shard + 1) + (shard + 1 < rest ? shard + 1 : rest);
}

static void shard_name(const struct dataset_writer *writer, uint32_t number, char file[SHARD_NAME_MAX + 16])
{
    snprintf(file, SHARD_NAME_MAX + 16, "%s-%05u.h5", writer->plan.name, number);
}

/* Whether a file of the hidden folder is one to go on from. */
static bool is_finished(const struct dataset_writer *writer, const char *name)
{
    char file[SHARD_NAME_MAX + 16];
    bool finished = strcmp(name, "job") == 0 || strcmp(name, "finished") == 0;
    if (strcmp(name, FOLDER_LOCK_NAME) == 0) {
        return true;
    }
    for (uint32_t i = 0; i < writer->tally.shards && !finished; i++) {
        shard_name(writer, i, file);
        finished = strcmp(name, file) == 0;
    }
    return finished && writer->tally.shards > 0;
}

/* Removes what is not finished from the hidden folder; there are no folders within. */
static void clear_hidden(const struct dataset_writer *writer)
{
    int descriptor = open(writer->hidden, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *directory = descriptor < 0 ? NULL : fdopendir(descriptor);
    if (!directory) {
        return;
    }
    for (struct dirent *entry = readdir(directory); entry; entry = readdir(directory)) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
            !is_finished(writer, entry->d_name)) {
            unlinkat(descriptor, entry->d_name, 0);
        }
    }
    closedir(directory);
}

/* Makes the hidden folder and becomes its owner. A link in its place is removed, not what it leads to. */
static enum status own_hidden(struct dataset_writer *writer, struct error *error)
{
    const struct folder_claim claim = {.folder = writer->hidden,
                                       .next = "wait for that packing, end it, or choose another name",
                                       .stale_seconds = STALE_SECONDS};
    enum status status = STATUS_STORAGE;
    for (int i = 0; i < TRIES && status == STATUS_STORAGE && !writer->lock; i++) {
        unlink(writer->hidden);
        status = file_make_directory(writer->hidden, error);
        if (status == STATUS_OK) {
            status = folder_lock_take(&claim, &writer->lock, writer->warning, sizeof writer->warning, error);
        }
        if (status == STATUS_STORAGE && file_is_directory(writer->hidden)) {
            break;
        }
    }
    return status;
}

/* Leaves the hidden folder to whoever comes next; where nothing in it is finished it is removed. What was lost to
 * another packing is left alone. */
static void leave_hidden(struct dataset_writer *writer)
{
    if (folder_lock_check(writer->lock, NULL) == STATUS_OK) {
        clear_hidden(writer);
    }
    folder_lock_release(writer->lock);
    if (writer->tally.shards == 0) {
        rmdir(writer->hidden);
    }
}

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
    return status;
}

static enum status begin_manifest(struct dataset_writer *writer, struct error *error)
{
    const struct dataset_plan *plan = &writer->plan;
    struct manifest *manifest = &writer->manifest;
    char names[SHARD_NAME_MAX + 16];
    manifest->dataset_id = plan->dataset_id;
    manifest->classes = plan->classes;
    manifest->image_size = plan->image_size;
    snprintf(manifest->name, sizeof manifest->name, "%s", plan->name);
    snprintf(names, sizeof names, "%s.classes.txt", plan->name);
    manifest->class_names = strdup(names);
    manifest->source = !plan->source ? NULL : strdup(plan->source);
    manifest->shards = calloc(plan->shards, sizeof *manifest->shards);
    writer->finished = calloc(plan->shards, sizeof *writer->finished);
    writer->tally.stored = calloc(plan->classes, sizeof *writer->tally.stored);
    if (!manifest->class_names || !manifest->shards || !writer->finished || !writer->tally.stored) {
        return error_no_memory(error, plan->name);
    }
    return STATUS_OK;
}

static enum status list_shard(struct dataset_writer *writer, struct error *error)
{
    struct manifest *manifest = &writer->manifest;
    char file[SHARD_NAME_MAX + 16];
    shard_name(writer, manifest->shard_count, file);
    manifest->shards[manifest->shard_count].file = strdup(file);
    if (!manifest->shards[manifest->shard_count].file) {
        return error_no_memory(error, writer->plan.name);
    }
    manifest->shard_count++;
    return STATUS_OK;
}

/* The manifest's last shard, whose file has these bytes, is finished. */
static void count_shard(struct dataset_writer *writer, const struct journal_shard *shard)
{
    struct manifest_shard *listed = &writer->manifest.shards[writer->tally.shards];
    writer->finished[writer->tally.shards++] = *shard;
    listed->bytes = shard->bytes;
    listed->crc = shard->crc;
}

static void count_encoding(struct manifest *manifest, enum image_encoding encoding)
{
    if (manifest->shard_count == 1) {
        manifest->encoding = encoding;
    } else if (manifest->encoding != encoding) {
        manifest->encoding = IMAGE_UNKNOWN;
    }
}

/* --- Going on --- */

/* Takes a shard as finished if its file has the bytes that were recorded; false if not. */
static bool take_shard(struct dataset_writer *writer, uint32_t number, const struct journal_shard *recorded)
{
    struct dataset_tally *tally = &writer->tally;
    struct shard shard = {0};
    char file[SHARD_NAME_MAX + 16], path[PATH_SIZE];
    uint64_t bytes;
    uint32_t crc;
    shard_name(writer, number, file);
    if (file_join(writer->hidden, file, path, NULL) != STATUS_OK ||
        file_crc(path, FILE_LINKS_FOLLOWED, &bytes, &crc, NULL) != STATUS_OK || bytes != recorded->bytes ||
        crc != recorded->crc || shard_open(path, &shard, NULL) != STATUS_OK) {
        return false;
    }
    bool same = shard.images == recorded->images && shard.classes == writer->plan.classes &&
                list_shard(writer, NULL) == STATUS_OK;
    for (uint32_t i = 0; same && i < shard.images; i++) {
        tally->stored[shard.label[i]]++;
    }
    if (same) {
        writer->manifest.shards[number].images = shard.images;
        writer->manifest.images += shard.images;
        count_encoding(&writer->manifest, shard.encoding);
        count_shard(writer, recorded);
        tally->images += shard.images;
        tally->kept += recorded->kept;
        tally->next = dataset_plan_share_end(&writer->plan, number);
    }
    shard_close(&shard);
    return same;
}

static enum status take_finished(struct dataset_writer *writer, struct error *error)
{
    struct journal_shard *shards;
    uint32_t count, taken = 0;
    if (!writer->plan.job) {
        return STATUS_OK;
    }
    enum status status =
        dataset_journal_read(writer->hidden, writer->plan.job, writer->plan.shards, &shards, &count, error);
    while (status == STATUS_OK && taken < count && take_shard(writer, taken, &shards[taken])) {
        taken++;
    }
    free(shards);
    return status;
}

static enum status prepare(struct dataset_writer *writer, struct error *error)
{
    const struct dataset_plan *plan = &writer->plan;
    char folder[SHARD_NAME_MAX + 16];
    if (plan->classes == 0 || plan->images == 0 || plan->shards == 0 || plan->shards > plan->images) {
        return error_set(error, STATUS_DATA, plan->name, NULL, "%llu images of %u classes make no dataset",
                         (unsigned long long)plan->images, plan->classes);
    }
    snprintf(folder, sizeof folder, ".%s.packing", plan->name);
    enum status status = file_join(plan->directory, folder, writer->hidden, error);
    if (status == STATUS_OK) {
        status = begin_manifest(writer, error);
    }
    if (status == STATUS_OK) {
        status = own_hidden(writer, error);
    }
    if (status == STATUS_OK) { /* another packing may have ended just now */
        status = dataset_writer_check(plan->directory, plan->name, plan->force, error);
    }
    if (status == STATUS_OK) {
        status = take_finished(writer, error);
    }
    if (status != STATUS_OK) {
        return status;
    }
    clear_hidden(writer);
    if (plan->job) {
        status = dataset_journal_begin(writer->hidden, plan->job, error);
    }
    writer->journaled = plan->job;
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
        leave_hidden(writer);
    }
    manifest_close(&writer->manifest);
    free(writer->finished);
    free(writer->tally.stored);
    free(writer);
}

const char *dataset_writer_warning(const struct dataset_writer *writer)
{
    return writer->warning;
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
    enum status status = list_shard(writer, error);
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
    count_shard(writer, &shard);
    return writer->journaled
               ? dataset_journal_write(writer->hidden, writer->finished, writer->tally.shards, error)
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
    manifest->images += state->images;
    count_encoding(manifest, state->encoding);
    writer->finished[manifest->shard_count - 1] = (struct journal_shard){
        .images = state->images, .kept = (uint32_t)(writer->tally.kept - writer->kept_before)};
    writer->finishing.shard = writer->shard;
    writer->shard = NULL;
    status =
        thread_start(&writer->finishing.thread, finish_shard, &writer->finishing, writer->plan.name, error);
    writer->finishing.running = status == STATUS_OK;
    if (status != STATUS_OK) {
        shard_writer_abandon(writer->finishing.shard);
    }
    return status;
}

/* Moves on by one image, and to the next shard when this one has its share. */
static enum status step(struct dataset_writer *writer, struct error *error)
{
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
                                  uint32_t label, bool kept, struct error *error)
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
    return step(writer, error);
}

enum status dataset_writer_skip(struct dataset_writer *writer, struct error *error)
{
    enum status status = be_ready(writer, error);
    return status == STATUS_OK ? step(writer, error) : status;
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
    bool failed = !stream || ferror(stream) != 0;
    if (stream && fclose(stream) != 0) {
        failed = true;
    }
    status = failed ? error_no_memory(error, path) : file_write_atomic(path, text, size, error);
    free(text);
    return status;
}

static enum status move(const struct dataset_writer *writer, const char *file, struct error *error)
{
    char from[PATH_SIZE], to[PATH_SIZE];
    enum status status = file_join(writer->hidden, file, from, error);
    if (status == STATUS_OK) {
        status = file_join(writer->plan.directory, file, to, error);
    }
    return status == STATUS_OK ? file_rename(from, to, error) : status;
}

/* Shards of the dataset that is replaced, beyond those of the new one. */
static void remove_old_shards(const struct dataset_writer *writer)
{
    char file[SHARD_NAME_MAX + 16], path[PATH_SIZE];
    for (uint32_t number = writer->manifest.shard_count;; number++) {
        snprintf(file, sizeof file, "%s-%05u.h5", writer->plan.name, number);
        if (file_join(writer->plan.directory, file, path, NULL) != STATUS_OK || unlink(path) != 0) {
            return;
        }
    }
}

/* A dataset that is replaced loses its manifest first: there is never one that lists the other's shards. */
static enum status move_all(const struct dataset_writer *writer, struct error *error)
{
    const struct manifest *manifest = &writer->manifest;
    char file[SHARD_NAME_MAX + 8], path[PATH_SIZE];
    snprintf(file, sizeof file, "%s.yaml", writer->plan.name);
    enum status status = file_join(writer->plan.directory, file, path, error);
    if (status == STATUS_OK && writer->plan.force && unlink(path) != 0 && errno != ENOENT) {
        status = error_set(error, STATUS_STORAGE, path, "check the permissions",
                           "cannot replace the dataset: %s", strerror(errno));
    }
    for (uint32_t i = 0; i < manifest->shard_count && status == STATUS_OK; i++) {
        status = move(writer, manifest->shards[i].file, error);
    }
    if (status == STATUS_OK) {
        status = move(writer, manifest->class_names, error);
    }
    if (status == STATUS_OK) {
        remove_old_shards(writer);
    }
    return status == STATUS_OK ? manifest_write(manifest, path, error) : status;
}

/* What move_all did before it failed. */
static void remove_moved(const struct dataset_writer *writer)
{
    const struct manifest *manifest = &writer->manifest;
    char path[PATH_SIZE];
    for (uint32_t i = 0; i < manifest->shard_count; i++) {
        if (file_join(writer->plan.directory, manifest->shards[i].file, path, NULL) == STATUS_OK) {
            unlink(path);
        }
    }
    if (file_join(writer->plan.directory, manifest->class_names, path, NULL) == STATUS_OK) {
        unlink(path);
    }
}

enum status dataset_writer_finish(struct dataset_writer *writer, const char *const *names, uint64_t *bytes,
                                  struct error *error)
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
    if (status == STATUS_OK) {
        status = dataset_writer_check(writer->plan.directory, writer->plan.name, writer->plan.force, error);
        if (status == STATUS_OK) {
            status = folder_lock_check(writer->lock, error);
        }
        if (status == STATUS_OK) {
            status = move_all(writer, error);
            if (status != STATUS_OK) {
                remove_moved(writer);
            }
            writer->tally.shards = 0; /* none is there any more to go on from */
        }
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
