#include "shard/unpack.h"

#include "proto/file.h"
#include "shard/kind.h"
#include "shard/manifest.h"
#include "shard/name_list.h"
#include "shard/pairs.h"
#include "shard/shard.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#define BATCH 256 /* images */
#define BATCH_BYTES ((uint64_t)16 << 20) /* unless it is one image */

/* One image on its way to the disk. */
struct output {
    char path[PATH_SIZE];
    const uint8_t *bytes;
    size_t size;
    uint32_t crc; /* that it must have */
    enum status status;
    struct error error;
};

struct unpacking {
    const char *path, *directory;
    const struct unpack_style *style;
    struct unpack_result *result;
    uint64_t total; /* images */
    uint32_t classes;
    char **names; /* [classes], or NULL: labels */
    uint32_t *count; /* [classes]: images that each has got */
    struct output *batch; /* [BATCH] */
};

/* --- Files --- */

static void write_output(struct output *output)
{
    uint32_t crc = (uint32_t)crc32_z(crc32_z(0, NULL, 0), output->bytes, output->size);
    if (crc != output->crc) {
        output->status =
            error_set(&output->error, STATUS_DATA, output->path,
                      "restore the shard from a copy, or pack the dataset again",
                      "the image is damaged: crc %08x where %08x was recorded", crc, output->crc);
        return;
    }
    int descriptor = open(output->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor < 0) {
        output->status = file_storage_error(&output->error, output->path, "creating the file", errno);
        return;
    }
    output->status = file_write_all(descriptor, output->bytes, output->size, output->path, &output->error);
    if (close(descriptor) != 0 && output->status == STATUS_OK) {
        output->status = file_storage_error(&output->error, output->path, "closing the file", errno);
    }
}

static enum status write_batch(const struct unpacking *unpacking, size_t count, struct error *error)
{
    const int threads = unpacking->style->threads > 0 ? unpacking->style->threads : omp_get_max_threads();
    struct output *batch = unpacking->batch;
    struct unpack_result *result = unpacking->result;
#pragma omp parallel for schedule(dynamic, 8) num_threads(threads)
    for (size_t i = 0; i < count; i++) {
        write_output(&batch[i]);
    }
    for (size_t i = 0; i < count; i++) {
        if (batch[i].status != STATUS_OK) {
            if (error) {
                *error = batch[i].error;
            }
            return batch[i].status;
        }
        result->images++;
        result->bytes += batch[i].size;
    }
    if (unpacking->style->progress) {
        unpacking->style->progress(unpacking->style->context, result->images, unpacking->total);
    }
    return STATUS_OK;
}

/* Fills an output but for its path, in `directory` under `number`, that many digits wide. */
static enum status prepare_output(struct output *output, const char *directory, int digits, uint32_t number,
                                  const uint8_t *bytes, size_t size, uint32_t crc, struct error *error)
{
    char file[32];
    output->bytes = bytes;
    output->size = size;
    output->crc = crc;
    snprintf(file, sizeof file, "%0*u.%s", digits, number,
             image_sniff(bytes, size) == IMAGE_PNG ? "png" : "jpg");
    return file_join(directory, file, output->path, error);
}

static enum status begin_directory(const char *path, struct error *error)
{
    enum status status = file_make_directory(path, error);
    if (status != STATUS_OK) {
        return status;
    }
    DIR *directory = opendir(path);
    if (!directory) {
        return file_storage_error(error, path, "reading the folder", errno);
    }
    size_t entries = 0;
    while (readdir(directory)) {
        entries++;
    }
    closedir(directory);
    if (entries > 2) {
        return error_set(error, STATUS_USAGE, path, "name another folder, or empty this one",
                         "the folder is not empty");
    }
    return STATUS_OK;
}

/* --- Identities --- */

static bool is_folder_name(const char *name)
{
    return name[0] != 0 && strcmp(name, ".") != 0 && strcmp(name, "..") != 0 && !strchr(name, '/');
}

/* Every name can be a folder's, and no other one's. */
static enum status check_names(const struct unpacking *unpacking, struct error *error)
{
    struct name_list sorted = {0};
    enum status status = STATUS_OK;
    for (uint32_t i = 0; i < unpacking->classes && status == STATUS_OK; i++) {
        if (!is_folder_name(unpacking->names[i])) {
            status =
                error_set(error, STATUS_DATA, unpacking->path, "change the name in the file of class names",
                          "identity %u is called '%.100s', which no folder can be", i, unpacking->names[i]);
        } else if (!name_list_add(&sorted, unpacking->names[i])) {
            status = error_no_memory(error, unpacking->path);
        }
    }
    name_list_sort(&sorted);
    for (size_t i = 1; i < sorted.count && status == STATUS_OK; i++) {
        if (strcmp(sorted.names[i - 1], sorted.names[i]) == 0) {
            status =
                error_set(error, STATUS_DATA, unpacking->path, "change a name in the file of class names",
                          "two identities are called '%.100s'", sorted.names[i]);
        }
    }
    name_list_free(&sorted);
    return status;
}

static enum status begin_classes(struct unpacking *unpacking, uint32_t classes, struct error *error)
{
    unpacking->classes = classes;
    unpacking->count = calloc(classes, sizeof *unpacking->count);
    if (!unpacking->count) {
        return error_set(error, STATUS_INTERNAL, unpacking->path, NULL, "no memory for %u classes", classes);
    }
    return unpacking->names ? check_names(unpacking, error) : STATUS_OK;
}

/* The folder of a class, made with its first image. */
static enum status class_directory(struct unpacking *unpacking, uint32_t label, char *directory,
                                   struct error *error)
{
    char name[16];
    int digits = snprintf(name, sizeof name, "%u", unpacking->classes - 1);
    snprintf(name, sizeof name, "%0*u", digits, label);
    enum status status =
        file_join(unpacking->directory, unpacking->names ? unpacking->names[label] : name, directory, error);
    if (status != STATUS_OK || unpacking->count[label] > 0) {
        return status;
    }
    unpacking->result->classes++;
    return mkdir(directory, 0777) == 0 ? STATUS_OK
                                       : file_storage_error(error, directory, "making the folder", errno);
}

/* --- Shards --- */

/* Images begin..end of a shard, whose bytes are there. */
static enum status unpack_range(struct unpacking *unpacking, const struct shard *shard, uint32_t begin,
                                uint32_t end, const uint8_t *bytes, struct error *error)
{
    enum status status = STATUS_OK;
    for (uint32_t i = begin; i < end && status == STATUS_OK; i++) {
        char directory[PATH_SIZE];
        uint32_t label = shard->label[i];
        status = class_directory(unpacking, label, directory, error);
        if (status == STATUS_OK) {
            status = prepare_output(&unpacking->batch[i - begin], directory, 4, ++unpacking->count[label],
                                    bytes + (shard->offset[i] - shard->offset[begin]),
                                    (size_t)(shard->offset[i + 1] - shard->offset[i]), shard->crc[i], error);
        }
    }
    return status == STATUS_OK ? write_batch(unpacking, end - begin, error) : status;
}

static enum status unpack_shard(struct unpacking *unpacking, const struct shard *shard, struct error *error)
{
    enum status status = STATUS_OK;
    for (uint32_t begin = 0, end = 0; begin < shard->images && status == STATUS_OK; begin = end) {
        for (end = begin + 1; end < shard->images && end - begin < BATCH &&
                              shard->offset[end + 1] - shard->offset[begin] <= BATCH_BYTES;) {
            end++;
        }
        uint8_t *bytes = malloc((size_t)(shard->offset[end] - shard->offset[begin]));
        if (!bytes) {
            return error_no_memory(error, shard->path);
        }
        status = shard_read(shard, begin, end - begin, bytes, error);
        if (status == STATUS_OK) {
            status = unpack_range(unpacking, shard, begin, end, bytes, error);
        }
        free(bytes);
    }
    return status;
}

static enum status unpack_one_shard(struct unpacking *unpacking, struct error *error)
{
    struct shard shard;
    enum status status = shard_open(unpacking->path, &shard, error);
    if (status != STATUS_OK) {
        return status;
    }
    unpacking->total = shard.images;
    status = begin_classes(unpacking, shard.classes, error);
    if (status == STATUS_OK) {
        status = begin_directory(unpacking->directory, error);
    }
    if (status == STATUS_OK) {
        status = unpack_shard(unpacking, &shard, error);
    }
    shard_close(&shard);
    return status;
}

static enum status unpack_shards(struct unpacking *unpacking, const struct manifest *manifest,
                                 struct error *error)
{
    enum status status = begin_classes(unpacking, manifest->classes, error);
    if (status == STATUS_OK) {
        status = begin_directory(unpacking->directory, error);
    }
    unpacking->total = manifest->images;
    for (uint32_t i = 0; i < manifest->shard_count && status == STATUS_OK; i++) {
        struct shard shard;
        status = manifest_open_shard(manifest, i, &shard, error);
        if (status == STATUS_OK) {
            status = unpack_shard(unpacking, &shard, error);
            shard_close(&shard);
        }
    }
    return status;
}

static enum status unpack_dataset(struct unpacking *unpacking, struct error *error)
{
    struct manifest manifest;
    enum status status = manifest_open(unpacking->path, &manifest, error);
    if (status != STATUS_OK) {
        return status;
    }
    if (manifest.class_names) {
        status = manifest_class_names(&manifest, &unpacking->names, error);
    }
    if (status == STATUS_OK) {
        status = unpack_shards(unpacking, &manifest, error);
    }
    for (uint32_t i = 0; unpacking->names && i < manifest.classes; i++) {
        free(unpacking->names[i]);
    }
    free(unpacking->names);
    manifest_close(&manifest);
    return status;
}

/* --- Verification sets --- */

static enum status write_list(const struct unpacking *unpacking, const struct pairs *pairs,
                              char *const *files, struct error *error)
{
    char path[PATH_SIZE], *text = NULL;
    size_t size = 0;
    enum status status = file_join(unpacking->directory, "pairs.tsv", path, error);
    FILE *stream = open_memstream(&text, &size);
    if (!stream) {
        return error_no_memory(error, unpacking->path);
    }
    fprintf(stream, "fold\ta\tb\tsame\n");
    /* From 1 on, so that a set without its first folds keeps the numbers of the others. */
    for (uint32_t i = 0; i < pairs->count; i++) {
        fprintf(stream, "%d\t%s\t%s\t%d\n", pairs->fold[i] + 1, files[pairs->pair[(size_t)i * 2]],
                files[pairs->pair[(size_t)i * 2 + 1]], pairs->same[i]);
    }
    bool failed = ferror(stream) != 0;
    if (fclose(stream) != 0 || failed) {
        status = error_no_memory(error, unpacking->path);
    }
    if (status == STATUS_OK) {
        status = file_write_atomic(path, text, size, error);
    }
    free(text);
    return status;
}

static enum status unpack_images(struct unpacking *unpacking, const struct pairs *pairs, char **files,
                                 struct error *error)
{
    enum status status = STATUS_OK;
    for (uint32_t begin = 0; begin < pairs->images && status == STATUS_OK; begin += BATCH) {
        uint32_t count = pairs->images - begin < BATCH ? pairs->images - begin : BATCH;
        for (uint32_t i = begin; i < begin + count && status == STATUS_OK; i++) {
            struct output *output = &unpacking->batch[i - begin];
            status = prepare_output(output, unpacking->directory, 6, i, pairs->image + pairs->offset[i],
                                    (size_t)(pairs->offset[i + 1] - pairs->offset[i]), pairs->crc[i], error);
            files[i] = status == STATUS_OK ? strdup(strrchr(output->path, '/') + 1) : NULL;
            if (status == STATUS_OK && !files[i]) {
                status = error_no_memory(error, unpacking->path);
            }
        }
        if (status == STATUS_OK) {
            status = write_batch(unpacking, count, error);
        }
    }
    return status;
}

static enum status unpack_set(struct unpacking *unpacking, struct error *error)
{
    struct pairs pairs;
    enum status status = pairs_open(unpacking->path, &pairs, error);
    if (status != STATUS_OK) {
        return status;
    }
    char **files = calloc(pairs.images, sizeof *files);
    if (!files) {
        status = error_no_memory(error, unpacking->path);
    }
    unpacking->total = pairs.images;
    unpacking->result->pairs = pairs.count;
    if (status == STATUS_OK) {
        status = begin_directory(unpacking->directory, error);
    }
    if (status == STATUS_OK) {
        status = unpack_images(unpacking, &pairs, files, error);
    }
    if (status == STATUS_OK) {
        status = write_list(unpacking, &pairs, files, error);
    }
    for (uint32_t i = 0; files && i < pairs.images; i++) {
        free(files[i]);
    }
    free(files);
    pairs_close(&pairs);
    return status;
}

/* --- Either --- */

enum status unpack(const char *path, const char *directory, const struct unpack_style *style,
                   struct unpack_result *result, struct error *error)
{
    struct unpacking unpacking = {.path = path, .directory = directory, .style = style, .result = result};
    enum kind kind;
    *result = (struct unpack_result){0};
    enum status status = kind_of_path(path, &kind, error);
    if (status != STATUS_OK) {
        return status;
    }
    unpacking.batch = calloc(BATCH, sizeof *unpacking.batch);
    if (!unpacking.batch) {
        return error_no_memory(error, path);
    }
    if (kind == KIND_MANIFEST) {
        status = unpack_dataset(&unpacking, error);
    } else if (kind == KIND_SHARD) {
        status = unpack_one_shard(&unpacking, error);
    } else if (kind == KIND_PAIRS) {
        status = unpack_set(&unpacking, error);
    } else {
        status = error_set(error, STATUS_USAGE, path, "name a manifest, a shard or a verification set",
                           "there are no images in it");
    }
    free(unpacking.count);
    free(unpacking.batch);
    return status;
}
