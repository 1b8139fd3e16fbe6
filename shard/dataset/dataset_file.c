#include "shard/dataset/dataset_file.h"

#include "proto/file.h"
#include "proto/text.h"
#include "shard/manifest.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* --- Names --- */

/* "<dataset>" or "<dataset>-g<generation>" */
static void print_stem(const char *dataset, uint32_t generation, char stem[DATASET_FILE_SIZE])
{
    if (generation == 1) {
        snprintf(stem, DATASET_FILE_SIZE, "%.*s", SHARD_NAME_MAX, dataset);
    } else {
        snprintf(stem, DATASET_FILE_SIZE, "%.*s-g%" PRIu32, SHARD_NAME_MAX, dataset, generation);
    }
}

void dataset_shard_file(const char *dataset, uint32_t generation, uint32_t shard, char *file)
{
    char stem[DATASET_FILE_SIZE];
    print_stem(dataset, generation, stem);
    snprintf(file, DATASET_FILE_SIZE, "%.*s-%05" PRIu32 ".h5", SHARD_NAME_MAX + 16, stem, shard);
}

void dataset_class_file(const char *dataset, uint32_t generation, char *file)
{
    char stem[DATASET_FILE_SIZE];
    print_stem(dataset, generation, stem);
    snprintf(file, DATASET_FILE_SIZE, "%.*s.classes.txt", SHARD_NAME_MAX + 16, stem);
}

uint32_t dataset_file_generation(const char *dataset, const char *file)
{
    const size_t length = strlen(dataset);
    char same[DATASET_FILE_SIZE];
    uint32_t generation = 1, shard = 0;
    if (strncmp(file, dataset, length) != 0) {
        return 0;
    }
    const char *rest = file + length;
    if (rest[0] == '-' && rest[1] == 'g' && sscanf(rest, "-g%" SCNu32, &generation) != 1) {
        return 0;
    }
    /* What the numbers that were read make must be the very name. */
    if (text_ends_with(file, ".h5")) {
        sscanf(strrchr(file, '-') ? strrchr(file, '-') : "", "-%" SCNu32, &shard);
        dataset_shard_file(dataset, generation, shard, same);
    } else {
        dataset_class_file(dataset, generation, same);
    }
    return strcmp(file, same) == 0 ? generation : 0;
}

/* --- A folder --- */

/* Calls `visit` for every entry that is not hidden, until that is not STATUS_OK. A folder that is not there is empty. */
static enum status visit_folder(const char *directory,
                                enum status (*visit)(void *context, const char *name, struct error *error),
                                void *context, struct error *error)
{
    DIR *folder = opendir(directory);
    if (!folder) {
        return errno == ENOENT || errno == ENOTDIR ? STATUS_OK : file_data_error(error, directory, errno);
    }
    enum status status = STATUS_OK;
    errno = 0;
    for (struct dirent *entry = readdir(folder); entry && status == STATUS_OK; entry = readdir(folder)) {
        if (entry->d_name[0] != '.') {
            status = visit(context, entry->d_name, error);
        }
        errno = 0;
    }
    if (status == STATUS_OK && errno != 0) {
        status = file_data_error(error, directory, errno);
    }
    closedir(folder);
    return status;
}

struct generations {
    const char *dataset;
    uint32_t last;
};

static enum status see_generation(void *context, const char *name, struct error *error)
{
    struct generations *generations = context;
    const uint32_t generation = dataset_file_generation(generations->dataset, name);
    (void)error;
    generations->last = generation > generations->last ? generation : generations->last;
    return STATUS_OK;
}

enum status dataset_next_generation(const char *directory, const char *dataset, uint32_t *generation,
                                    struct error *error)
{
    struct generations generations = {.dataset = dataset};
    enum status status = visit_folder(directory, see_generation, &generations, error);
    *generation = generations.last + 1;
    return status;
}

/* --- Manifests --- */

/* For each manifest of a folder. */
struct manifests {
    const char *directory;
    enum status (*visit)(void *context, const struct manifest *manifest, struct error *error);
    void *context;
};

/* What is no manifest, or not for us to read, lists nothing. */
static enum status see_manifest(void *context, const char *name, struct error *error)
{
    const struct manifests *manifests = context;
    struct manifest manifest;
    struct error failure = {0};
    char path[PATH_SIZE];
    if (!text_ends_with(name, ".yaml") && !text_ends_with(name, ".yml")) {
        return STATUS_OK;
    }
    enum status status = file_join(manifests->directory, name, path, error);
    if (status != STATUS_OK) {
        return status;
    }
    status = manifest_open(path, &manifest, &failure);
    if (status == STATUS_OK) {
        status = manifests->visit(manifests->context, &manifest, error);
        manifest_close(&manifest);
        return status;
    }
    if (failure.number == 0 || failure.number == ENOENT || failure.number == EACCES) {
        return STATUS_OK;
    }
    if (error) {
        *error = failure;
    }
    return status;
}

static enum status visit_manifests(const char *directory,
                                   enum status (*visit)(void *context, const struct manifest *manifest,
                                                        struct error *error),
                                   void *context, struct error *error)
{
    struct manifests manifests = {directory, visit, context};
    return visit_folder(directory, see_manifest, &manifests, error);
}

static enum status add_files(void *context, const struct manifest *manifest, struct error *error)
{
    struct name_list *files = context;
    bool added = !manifest->class_names || name_list_add(files, manifest->class_names);
    for (uint32_t i = 0; i < manifest->shard_count && added; i++) {
        added = name_list_add(files, manifest->shards[i].file);
    }
    return added ? STATUS_OK : error_no_memory(error, manifest->path);
}

enum status dataset_listed_files(const char *directory, struct name_list *files, struct error *error)
{
    *files = (struct name_list){0};
    enum status status = visit_manifests(directory, add_files, files, error);
    name_list_sort(files);
    if (status != STATUS_OK) {
        name_list_free(files);
    }
    return status;
}

struct claim {
    const char *dataset;
    struct stat own; /* <dataset>.yaml, where it is there */
    bool owned;
};

/* A file of the first generation can be of no other dataset than one that is called alike; a later one may be the first
 * generation of a dataset that is called "<dataset>-g2". */
static enum status see_claim(void *context, const struct manifest *manifest, struct error *error)
{
    const struct claim *claim = context;
    struct stat info;
    if (claim->owned && stat(manifest->path, &info) == 0 && info.st_dev == claim->own.st_dev &&
        info.st_ino == claim->own.st_ino) {
        return STATUS_OK;
    }
    for (uint32_t i = 0; i <= manifest->shard_count; i++) {
        const char *file = i < manifest->shard_count ? manifest->shards[i].file : manifest->class_names;
        const uint32_t generation = !file ? 0 : dataset_file_generation(claim->dataset, file);
        if (generation == 1 || (generation > 1 && strcmp(manifest->name, claim->dataset) == 0)) {
            return error_set(error, STATUS_USAGE, manifest->path,
                             "choose another name or folder, or move that manifest and its files away",
                             "another manifest lists %s, which would be a file of dataset %s", file,
                             claim->dataset);
        }
    }
    return STATUS_OK;
}

enum status dataset_check_owner(const char *directory, const char *dataset, struct error *error)
{
    struct claim claim = {.dataset = dataset};
    char file[SHARD_NAME_MAX + 8], path[PATH_SIZE];
    snprintf(file, sizeof file, "%.*s.yaml", SHARD_NAME_MAX, dataset);
    enum status status = file_join(directory, file, path, error);
    if (status != STATUS_OK) {
        return status;
    }
    claim.owned = stat(path, &claim.own) == 0;
    return visit_manifests(directory, see_claim, &claim, error);
}
