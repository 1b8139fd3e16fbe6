#include "shard/dataset_writer.h"

#include "proto/file.h"
#include "shard/manifest.h"
#include "shard/path.h"
#include "shard/shard.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct dataset_writer {
    struct dataset_plan plan;
    char hidden[PATH_SIZE]; /* the folder */
    struct manifest manifest; /* as far as it is known */
    struct shard_writer *shard; /* the open one, or NULL */
    uint64_t next; /* image */
};

static uint64_t share_end(const struct dataset_plan *plan, uint32_t shard)
{
    /* Without overflow for any number of images. */
    uint64_t whole = plan->images / plan->shards, rest = plan->images % plan->shards;
    return whole * (shard + 1) + (shard + 1 < rest ? shard + 1 : rest);
}

/* Removes the hidden folder; there are no folders within. A link in its place is removed, not what it leads
 * to. */
static void remove_hidden(const char *hidden)
{
    unlink(hidden);
    int descriptor = open(hidden, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *directory = descriptor < 0 ? NULL : fdopendir(descriptor);
    if (directory == NULL)
        return;
    for (struct dirent *entry = readdir(directory); entry != NULL; entry = readdir(directory))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            unlinkat(descriptor, entry->d_name, 0);
    closedir(directory);
    rmdir(hidden);
}

enum status dataset_writer_check(const char *directory, const char *name, bool force, struct error *error)
{
    char file[SHARD_NAME_MAX + 8], path[PATH_SIZE];
    if (!shard_name_is_valid(name))
        return error_set(error, STATUS_USAGE, name, "use letters, digits, '.', '_' and '-'",
                         "a dataset cannot have this name");
    snprintf(file, sizeof file, "%s.yaml", name);
    enum status status = path_join(directory, file, path, error);
    if (status == STATUS_OK && !force && path_exists(path))
        status = error_set(error, STATUS_USAGE, path, "choose another name, or replace it with --force",
                           "the dataset exists already");
    return status;
}

static enum status prepare(struct dataset_writer *writer, struct error *error)
{
    const struct dataset_plan *plan = &writer->plan;
    struct manifest *manifest = &writer->manifest;
    char folder[SHARD_NAME_MAX + 16];
    if (plan->classes == 0 || plan->images == 0 || plan->shards == 0 || plan->shards > plan->images)
        return error_set(error, STATUS_DATA, plan->name, NULL, "%llu images of %u classes make no dataset",
                         (unsigned long long)plan->images, plan->classes);
    snprintf(folder, sizeof folder, ".%s.packing", plan->name);
    enum status status = path_join(plan->directory, folder, writer->hidden, error);
    if (status != STATUS_OK)
        return status;
    manifest->dataset_id = plan->dataset_id;
    manifest->classes = plan->classes;
    manifest->image_size = plan->image_size;
    snprintf(manifest->name, sizeof manifest->name, "%s", plan->name);
    snprintf(folder, sizeof folder, "%s.classes.txt", plan->name);
    manifest->class_names = strdup(folder);
    manifest->source = plan->source == NULL ? NULL : strdup(plan->source);
    manifest->shards = calloc(plan->shards, sizeof *manifest->shards);
    if (manifest->class_names == NULL || manifest->shards == NULL)
        return error_set(error, STATUS_INTERNAL, plan->name, NULL, "no memory to write a dataset");
    remove_hidden(writer->hidden);
    return file_make_directory(writer->hidden, error);
}

enum status dataset_writer_create(const struct dataset_plan *plan, struct dataset_writer **result,
                                  struct error *error)
{
    *result = NULL;
    enum status status = dataset_writer_check(plan->directory, plan->name, plan->force, error);
    if (status != STATUS_OK)
        return status;
    struct dataset_writer *writer = calloc(1, sizeof *writer);
    if (writer == NULL)
        return error_set(error, STATUS_INTERNAL, plan->name, NULL, "no memory to write a dataset");
    writer->plan = *plan;
    status = prepare(writer, error);
    if (status == STATUS_OK)
        *result = writer;
    else
        dataset_writer_abandon(writer);
    return status;
}

void dataset_writer_abandon(struct dataset_writer *writer)
{
    if (writer == NULL)
        return;
    shard_writer_abandon(writer->shard);
    if (writer->hidden[0] != 0)
        remove_hidden(writer->hidden);
    manifest_close(&writer->manifest);
    free(writer);
}

/* --- Shards --- */

static enum status begin_shard(struct dataset_writer *writer, struct error *error)
{
    const struct dataset_plan *plan = &writer->plan;
    struct manifest *manifest = &writer->manifest;
    uint32_t number = manifest->shard_count;
    char file[SHARD_NAME_MAX + 16], path[PATH_SIZE];
    snprintf(file, sizeof file, "%s-%05u.h5", plan->name, number);
    manifest->shards[number].file = strdup(file);
    if (manifest->shards[number].file == NULL)
        return error_set(error, STATUS_INTERNAL, plan->name, NULL, "no memory to write a dataset");
    manifest->shard_count++;
    enum status status = path_join(writer->hidden, file, path, error);
    if (status == STATUS_OK)
        status = shard_writer_create(path, plan->name, plan->dataset_id, number, plan->shards, plan->classes,
                                     plan->encoding, &writer->shard, error);
    return status;
}

static enum status end_shard(struct dataset_writer *writer, struct error *error)
{
    struct manifest *manifest = &writer->manifest;
    struct manifest_shard *listed = &manifest->shards[manifest->shard_count - 1];
    const struct shard *state = shard_writer_state(writer->shard);
    enum image_encoding encoding = state->encoding;
    listed->images = state->images;
    struct shard_writer *shard = writer->shard;
    writer->shard = NULL;
    enum status status = shard_writer_finish(shard, &listed->bytes, &listed->crc, error);
    if (manifest->shard_count == 1)
        manifest->encoding = encoding;
    else if (manifest->encoding != encoding)
        manifest->encoding = IMAGE_UNKNOWN;
    manifest->images += listed->images;
    return status;
}

/* Moves on by one image, and to the next shard when this one has its share. */
static enum status step(struct dataset_writer *writer, struct error *error)
{
    writer->next++;
    if (writer->next == share_end(&writer->plan, writer->manifest.shard_count - 1))
        return end_shard(writer, error);
    return STATUS_OK;
}

static enum status be_ready(struct dataset_writer *writer, struct error *error)
{
    if (writer->next == writer->plan.images)
        return error_set(error, STATUS_INTERNAL, writer->plan.name, NULL,
                         "more images came than were planned");
    return writer->shard == NULL ? begin_shard(writer, error) : STATUS_OK;
}

enum status dataset_writer_append(struct dataset_writer *writer, const uint8_t *bytes, size_t size,
                                  uint32_t label, struct error *error)
{
    enum status status = be_ready(writer, error);
    if (status == STATUS_OK)
        status = shard_writer_append(writer->shard, bytes, size, label, error);
    return status == STATUS_OK ? step(writer, error) : status;
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
    enum status status = path_join(writer->hidden, writer->manifest.class_names, path, error);
    if (status != STATUS_OK)
        return status;
    FILE *stream = open_memstream(&text, &size);
    for (uint32_t i = 0; stream != NULL && i < writer->plan.classes; i++)
        fprintf(stream, "%s\n", names[i]);
    bool failed = stream == NULL || ferror(stream) != 0;
    if (stream != NULL && fclose(stream) != 0)
        failed = true;
    status = failed ? error_set(error, STATUS_INTERNAL, path, NULL, "no memory for the names of classes")
                    : file_write_atomic(path, text, size, error);
    free(text);
    return status;
}

static enum status move(const struct dataset_writer *writer, const char *file, struct error *error)
{
    char from[PATH_SIZE], to[PATH_SIZE];
    enum status status = path_join(writer->hidden, file, from, error);
    if (status == STATUS_OK)
        status = path_join(writer->plan.directory, file, to, error);
    return status == STATUS_OK ? path_rename(from, to, error) : status;
}

/* Shards of the dataset that is replaced, beyond those of the new one. */
static void remove_old_shards(const struct dataset_writer *writer)
{
    char file[SHARD_NAME_MAX + 16], path[PATH_SIZE];
    for (uint32_t number = writer->manifest.shard_count;; number++) {
        snprintf(file, sizeof file, "%s-%05u.h5", writer->plan.name, number);
        if (path_join(writer->plan.directory, file, path, NULL) != STATUS_OK || unlink(path) != 0)
            return;
    }
}

/* A dataset that is replaced loses its manifest first: there is never one that lists the other's shards. */
static enum status move_all(const struct dataset_writer *writer, struct error *error)
{
    const struct manifest *manifest = &writer->manifest;
    char file[SHARD_NAME_MAX + 8], path[PATH_SIZE];
    snprintf(file, sizeof file, "%s.yaml", writer->plan.name);
    enum status status = path_join(writer->plan.directory, file, path, error);
    if (status == STATUS_OK && writer->plan.force && unlink(path) != 0 && errno != ENOENT)
        status = error_set(error, STATUS_STORAGE, path, "check the permissions",
                           "cannot replace the dataset: %s", strerror(errno));
    for (uint32_t i = 0; i < manifest->shard_count && status == STATUS_OK; i++)
        status = move(writer, manifest->shards[i].file, error);
    if (status == STATUS_OK)
        status = move(writer, manifest->class_names, error);
    if (status == STATUS_OK)
        remove_old_shards(writer);
    return status == STATUS_OK ? manifest_write(manifest, path, error) : status;
}

/* What move_all did before it failed. */
static void remove_moved(const struct dataset_writer *writer)
{
    const struct manifest *manifest = &writer->manifest;
    char path[PATH_SIZE];
    for (uint32_t i = 0; i < manifest->shard_count; i++)
        if (path_join(writer->plan.directory, manifest->shards[i].file, path, NULL) == STATUS_OK)
            unlink(path);
    if (path_join(writer->plan.directory, manifest->class_names, path, NULL) == STATUS_OK)
        unlink(path);
}

enum status dataset_writer_finish(struct dataset_writer *writer, const char *const *names, uint64_t *bytes,
                                  struct error *error)
{
    struct manifest *manifest = &writer->manifest;
    enum status status = STATUS_OK;
    if (writer->shard != NULL || manifest->shard_count != writer->plan.shards)
        status = error_set(error, STATUS_INTERNAL, writer->plan.name, NULL, "%llu of %llu images came",
                           (unsigned long long)writer->next, (unsigned long long)writer->plan.images);
    if (status == STATUS_OK)
        status = manifest_is_valid(manifest, error);
    if (status == STATUS_OK)
        status = write_names(writer, names, error);
    if (status == STATUS_OK) {
        status = dataset_writer_check(writer->plan.directory, writer->plan.name, writer->plan.force, error);
        if (status == STATUS_OK) {
            status = move_all(writer, error);
            if (status != STATUS_OK)
                remove_moved(writer);
        }
    }
    if (bytes != NULL) {
        *bytes = 0;
        for (uint32_t i = 0; i < manifest->shard_count; i++)
            *bytes += manifest->shards[i].bytes;
    }
    dataset_writer_abandon(writer);
    return status;
}
