#include "shard/dataset/dataset_commit.h"

#include "proto/file.h"
#include "shard/dataset/dataset_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RECORD_BYTES_MAX ((size_t)1 << 26)

/* --- The record --- */

/* The files of a sign in the record of a hidden folder, of those that are called as the dataset's; none where there is no
 * record. */
static enum status read_record(const char *hidden, const char *dataset, char sign, struct name_list *files,
                               struct error *error)
{
    char path[PATH_SIZE], *text, *rest = NULL;
    size_t size;
    enum status status = file_join(hidden, DATASET_MOVING_NAME, path, error);
    if (status != STATUS_OK || !file_exists(path)) {
        return status;
    }
    status = file_read(path, RECORD_BYTES_MAX, &text, &size, error);
    if (status != STATUS_OK) {
        return status;
    }
    for (char *line = strtok_r(text, "\n", &rest); line && status == STATUS_OK;
         line = strtok_r(NULL, "\n", &rest)) {
        if (line[0] == sign && line[1] == ' ' && dataset_file_generation(dataset, line + 2) > 0 &&
            !name_list_add(files, line + 2)) {
            status = error_no_memory(error, path);
        }
    }
    free(text);
    return status;
}

static bool is_of(const struct manifest *manifest, const char *file)
{
    bool found = manifest->class_names && strcmp(manifest->class_names, file) == 0;
    for (uint32_t i = 0; i < manifest->shard_count && !found; i++) {
        found = strcmp(manifest->shards[i].file, file) == 0;
    }
    return found;
}

/* What is to go of the dataset that is there; of one whose manifest is none nobody knows. */
static enum status list_old(const struct dataset_commit *commit, const char *path, struct name_list *files,
                            struct error *error)
{
    const char *dataset = commit->manifest->name;
    struct manifest old;
    struct error failure = {0};
    if (manifest_open(path, &old, &failure) != STATUS_OK) {
        if (failure.number == 0 || failure.number == ENOENT) {
            return STATUS_OK;
        }
        if (error) {
            *error = failure;
        }
        return failure.status;
    }
    enum status status = STATUS_OK;
    for (uint32_t i = 0; i <= old.shard_count && status == STATUS_OK; i++) {
        const char *file = i < old.shard_count ? old.shards[i].file : old.class_names;
        if (file && dataset_file_generation(dataset, file) > 0 && !is_of(commit->manifest, file) &&
            !name_list_add(files, file)) {
            status = error_no_memory(error, path);
        }
    }
    manifest_close(&old);
    return status;
}

static enum status write_record(const struct dataset_commit *commit, const struct name_list *old,
                                struct error *error)
{
    const struct manifest *manifest = commit->manifest;
    char path[PATH_SIZE], *text = NULL;
    size_t size = 0;
    enum status status = file_join(commit->hidden, DATASET_MOVING_NAME, path, error);
    if (status != STATUS_OK) {
        return status;
    }
    FILE *stream = open_memstream(&text, &size);
    for (uint32_t i = 0; stream && i < manifest->shard_count; i++) {
        fprintf(stream, "+ %s\n", manifest->shards[i].file);
    }
    if (stream) {
        fprintf(stream, "+ %s\n", manifest->class_names);
    }
    for (size_t i = 0; stream && i < old->count; i++) {
        fprintf(stream, "- %s\n", old->names[i]);
    }
    return file_write_printed(path, stream, &text, &size, error);
}

/* --- Moving --- */

enum direction { MOVE_IN, MOVE_BACK };

static bool are_same(const char *one, const char *other)
{
    uint64_t bytes[2] = {0};
    uint32_t crc[2] = {0};
    return file_crc(one, FILE_LINKS_REFUSED, &bytes[0], &crc[0], NULL) == STATUS_OK &&
           file_crc(other, FILE_LINKS_REFUSED, &bytes[1], &crc[1], NULL) == STATUS_OK &&
           bytes[0] == bytes[1] && crc[0] == crc[1];
}

/* Moves a file unless it is there already, as after a crash. */
static enum status move_file(const struct dataset_commit *commit, const char *file, enum direction direction,
                             struct error *error)
{
    char inside[PATH_SIZE], outside[PATH_SIZE];
    enum status status = file_join(commit->hidden, file, inside, error);
    if (status == STATUS_OK) {
        status = file_join(commit->directory, file, outside, error);
    }
    if (status != STATUS_OK) {
        return status;
    }
    const char *from = direction == MOVE_IN ? inside : outside, *to = direction == MOVE_IN ? outside : inside;
    if (!file_exists(from) && file_exists(to)) {
        return STATUS_OK;
    }
    if (file_exists(to) && !are_same(from, to)) {
        return error_set(error, STATUS_USAGE, to, "move it away, then give the same command again",
                         "another file has got this name meanwhile, and is not replaced");
    }
    return file_rename(from, to, error);
}

static enum status move_files(const struct dataset_commit *commit, enum direction direction,
                              struct error *error)
{
    const struct manifest *manifest = commit->manifest;
    enum status status = STATUS_OK;
    for (uint32_t i = 0; i <= manifest->shard_count && status == STATUS_OK; i++) {
        const char *file = i < manifest->shard_count ? manifest->shards[i].file : manifest->class_names;
        status = folder_lock_check(commit->lock, error);
        if (status == STATUS_OK) {
            status = move_file(commit, file, direction, error);
        }
        if (direction == MOVE_BACK && status != STATUS_LOST) {
            status = STATUS_OK; /* what stays is found where it is */
        }
    }
    return status;
}

/* Whether the manifest that is there is the new one, or cannot be read. */
static bool is_placed(const struct dataset_commit *commit, const char *path)
{
    struct manifest there;
    struct error error = {0};
    if (manifest_open(path, &there, &error) != STATUS_OK) {
        return error.number != 0 && error.number != ENOENT;
    }
    bool same = strcmp(there.shards[0].file, commit->manifest->shards[0].file) == 0;
    manifest_close(&there);
    return same;
}

/* --- What goes --- */

/* All the files that no manifest of the folder lists. The first that cannot be removed is told; the others go. */
static enum status remove_unlisted(const char *directory, const struct name_list *files, struct error *error)
{
    struct name_list listed;
    char path[PATH_SIZE];
    enum status status = files->count == 0 ? STATUS_OK : dataset_listed_files(directory, &listed, error);
    if (files->count == 0 || status != STATUS_OK) {
        return status;
    }
    for (size_t i = 0; i < files->count; i++) {
        if (name_list_has(&listed, files->names[i]) ||
            file_join(directory, files->names[i], path, NULL) != STATUS_OK) {
            continue;
        }
        if (unlink(path) != 0 && errno != ENOENT && status == STATUS_OK) {
            status =
                file_storage_error(error, path, "removing a file of the dataset that was replaced", errno);
        }
    }
    name_list_free(&listed);
    return status;
}

static enum status move_all(const struct dataset_commit *commit, const char *path, bool *placed,
                            struct error *error)
{
    enum status status = move_files(commit, MOVE_IN, error);
    if (status == STATUS_OK) {
        status = folder_lock_check(commit->lock, error);
    }
    if (status == STATUS_OK) {
        status = manifest_write(commit->manifest, path, error);
        *placed = status == STATUS_OK || is_placed(commit, path);
    }
    if (status != STATUS_OK && status != STATUS_LOST && !*placed) {
        move_files(commit, MOVE_BACK, NULL);
    }
    return status;
}

enum status dataset_commit(const struct dataset_commit *commit, bool *placed, struct error *error)
{
    const struct manifest *manifest = commit->manifest;
    struct name_list old = {0};
    char file[SHARD_NAME_MAX + 8], path[PATH_SIZE];
    *placed = false;
    snprintf(file, sizeof file, "%s.yaml", manifest->name);
    enum status status = file_join(commit->directory, file, path, error);
    if (status == STATUS_OK) {
        status = read_record(commit->hidden, manifest->name, '-', &old, error);
    }
    if (status == STATUS_OK) {
        status = list_old(commit, path, &old, error);
    }
    if (status == STATUS_OK) {
        status = write_record(commit, &old, error);
    }
    if (status == STATUS_OK) {
        status = move_all(commit, path, placed, error);
    }
    if (status == STATUS_OK) {
        status = remove_unlisted(commit->directory, &old, error);
    }
    name_list_free(&old);
    return status;
}

enum status dataset_remove_moved(const char *directory, const char *hidden, const char *dataset,
                                 struct error *error)
{
    struct name_list moved = {0}, old = {0};
    char path[PATH_SIZE];
    enum status status = read_record(hidden, dataset, '+', &moved, error);
    if (status == STATUS_OK) {
        status = remove_unlisted(directory, &moved, error);
    }
    if (status == STATUS_OK) {
        status = read_record(hidden, dataset, '-', &old, error);
    }
    if (status == STATUS_OK && old.count == 0 &&
        file_join(hidden, DATASET_MOVING_NAME, path, error) == STATUS_OK) {
        unlink(path);
    }
    name_list_free(&moved);
    name_list_free(&old);
    return status;
}
