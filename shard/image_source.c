#include "shard/image_source.h"

#include "proto/file.h"
#include "proto/text.h"
#include "shard/align/align_face.h"
#include "shard/folder.h"
#include "shard/image_files.h"
#include "shard/kind.h"
#include "shard/manifest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_BYTES_MAX ((size_t)1 << 28)

/* Only the members of its kind are in use. */
struct image_source {
    enum { SOURCE_FOLDER, SOURCE_FILES, SOURCE_SHARDS, SOURCE_MANIFEST, SOURCE_PAIRS } kind;
    uint64_t images, next;

    struct folder folder;
    uint32_t identity, file; /* of the next image */
    struct image_files files;
    const struct face_table *faces; /* the caller's: where the faces of files are; or NULL */

    const char *const *paths; /* of the shards, the caller's */
    size_t shards; /* of these, or of the manifest */
    struct manifest manifest;
    char **class_names;
    uint32_t classes;
    struct shard shard; /* the open one */
    size_t opened; /* shards opened so far */
    uint32_t image; /* the next one of the open shard */

    struct pairs pairs;
};

static const char *file_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return !slash ? path : slash + 1;
}

/* --- Opening --- */

/* Every index is read once ahead: how many images there are, and that all shards are of one dataset. */
static enum status count_shards(struct image_source *source, struct error *error)
{
    char dataset[SHARD_NAME_MAX] = "";
    enum status status = STATUS_OK;
    for (size_t i = 0; i < source->shards && status == STATUS_OK; i++) {
        struct shard shard = {0};
        status = shard_open(source->paths[i], &shard, error);
        if (status == STATUS_OK && i > 0 &&
            (strcmp(shard.dataset, dataset) != 0 || shard.classes != source->classes)) {
            status = error_set(error, STATUS_USAGE, source->paths[i], "name the datasets one by one",
                               "the shard is of dataset %s (%u classes), the ones before of %s (%u)",
                               shard.dataset, shard.classes, dataset, source->classes);
        }
        if (i == 0) {
            memcpy(dataset, shard.dataset, sizeof dataset);
            source->classes = shard.classes;
        }
        source->images += shard.images;
        shard_close(&shard);
    }
    return status;
}

static enum status open_manifest(const char *path, struct image_source *source, struct error *error)
{
    source->kind = SOURCE_MANIFEST;
    enum status status = manifest_open(path, &source->manifest, error);
    if (status != STATUS_OK) {
        return status;
    }
    source->images = source->manifest.images;
    source->classes = source->manifest.classes;
    source->shards = source->manifest.shard_count;
    if (!source->manifest.class_names) {
        return STATUS_OK;
    }
    return manifest_class_names(&source->manifest, &source->class_names, error);
}

static enum status open_pairs(const char *path, struct image_source *source, struct error *error)
{
    source->kind = SOURCE_PAIRS;
    enum status status = pairs_open(path, &source->pairs, error);
    source->images = source->pairs.images;
    return status;
}

/* What was listed, or why it could not be. */
static enum status open_files(struct image_source *source, enum status status)
{
    source->kind = SOURCE_FILES;
    source->images = source->files.count;
    return status;
}

static enum status open_folder(const char *path, struct image_source *source, struct error *error)
{
    const struct folder_filter all = {0};
    if (image_files_is_flat(path)) {
        return open_files(source, image_files_read_folder(&source->files, path, error));
    }
    source->kind = SOURCE_FOLDER;
    enum status status = folder_list(path, &all, &source->folder, error);
    source->images = source->folder.images;
    source->classes = source->folder.count;
    return status;
}

/* A list of files, by its name. */
static bool is_list(const char *path)
{
    return strcmp(path, "-") == 0 || text_ends_with(path, ".txt") || text_ends_with(path, ".list");
}

static bool is_picture(const char *path)
{
    enum kind kind;
    return !file_is_directory(path) && kind_of_path(path, &kind, NULL) == STATUS_OK && kind == KIND_PICTURE;
}

static enum status open_pictures(const char *const *paths, size_t count, struct image_source *source,
                                 struct error *error)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        status = image_files_add(&source->files, paths[i], error);
    }
    return open_files(source, status);
}

static enum status open_paths(const char *const *paths, size_t count, struct image_source *source,
                              struct error *error)
{
    enum kind kind = KIND_MANIFEST;
    if (file_is_directory(paths[0]) && count == 1) {
        return open_folder(paths[0], source, error);
    }
    if (count == 1 && is_list(paths[0])) {
        return open_files(source, image_files_read_list(&source->files, paths[0], error));
    }
    if (is_picture(paths[0])) {
        return open_pictures(paths, count, source, error);
    }
    for (size_t i = 0; i < count; i++) {
        bool folder = file_is_directory(paths[i]);
        enum status status = folder ? STATUS_OK : kind_of_path(paths[i], &kind, error);
        if (status != STATUS_OK) {
            return status;
        }
        if (count > 1 && (folder || kind != KIND_SHARD)) {
            return error_set(error, STATUS_USAGE, paths[i], "name it alone",
                             "only shards of one dataset can be named together");
        }
    }
    if (kind == KIND_MANIFEST) {
        return open_manifest(paths[0], source, error);
    }
    if (kind == KIND_PAIRS) {
        return open_pairs(paths[0], source, error);
    }
    if (kind != KIND_SHARD) {
        return error_set(
            error, STATUS_USAGE, paths[0],
            "name images, a folder of them or of image folders, a list (.txt), a manifest, shards or a "
            "verification set",
            "this kind of file holds no images");
    }
    source->kind = SOURCE_SHARDS;
    source->paths = paths;
    source->shards = count;
    return count_shards(source, error);
}

enum status image_source_open(const char *const *paths, size_t count, struct image_source **result,
                              struct error *error)
{
    *result = NULL;
    struct image_source *source = calloc(1, sizeof *source);
    if (!source) {
        return error_no_memory(error, paths[0]);
    }
    enum status status = open_paths(paths, count, source, error);
    if (status != STATUS_OK) {
        image_source_close(source);
        return status;
    }
    *result = source;
    return STATUS_OK;
}

enum status image_source_align(struct image_source *source, const struct face_table *faces,
                               struct error *error)
{
    source->faces = faces;
    return source->kind == SOURCE_FOLDER || source->kind == SOURCE_FILES
               ? STATUS_OK
               : error_set(
                     error, STATUS_USAGE, faces->path, "leave out --landmarks",
                     "a table of faces is for image files; those of a dataset were aligned when packed");
}

void image_source_close(struct image_source *source)
{
    if (!source) {
        return;
    }
    for (uint32_t i = 0; source->class_names && i < source->manifest.classes; i++) {
        free(source->class_names[i]);
    }
    free(source->class_names);
    shard_close(&source->shard);
    manifest_close(&source->manifest);
    folder_free(&source->folder);
    image_files_free(&source->files);
    pairs_close(&source->pairs);
    free(source);
}

/* --- What there is --- */

uint64_t image_source_images(const struct image_source *source)
{
    return source->images;
}

int image_source_side(const struct image_source *source)
{
    if (source->kind == SOURCE_PAIRS) {
        return source->pairs.image_size;
    }
    return source->kind == SOURCE_MANIFEST ? source->manifest.image_size : 0;
}

uint32_t image_source_classes(const struct image_source *source)
{
    return source->classes;
}

const char *image_source_identity(const struct image_source *source, uint32_t label)
{
    if (source->kind == SOURCE_FOLDER) {
        return source->folder.identities[label].name;
    }
    return source->class_names ? source->class_names[label] : NULL;
}

size_t image_source_left_out(const struct image_source *source, const char **first)
{
    *first = source->files.first_left_out;
    return source->files.left_out;
}

const struct pairs *image_source_pairs(const struct image_source *source)
{
    return source->kind == SOURCE_PAIRS ? &source->pairs : NULL;
}

/* --- Reading --- */

/* What is left of an image's error is its place. */
static enum status place_error(struct sourced_image *image, const char *where, enum status status)
{
    if (status != STATUS_OK) {
        error_prefix_where(&image->error, where);
    }
    return status;
}

/* Decodes a file's bytes to side x side pixels: its middle, or its face. */
static enum status decode_bytes(const uint8_t *bytes, size_t size, const struct face *face, int side,
                                struct image *image, struct error *error)
{
    struct image decoded = {0};
    if (face) {
        return align_face(bytes, size, face, side, ALIGN_BOX_MARGIN, image, error);
    }
    enum status status = image_decode(bytes, size, &decoded, error);
    if (status == STATUS_OK && (decoded.width != side || decoded.height != side)) {
        status = image_resize_part(&decoded, image_fit_part(decoded.width, decoded.height, IMAGE_FIT_CENTER),
                                   side, image, error);
        image_free(&decoded);
    } else if (status == STATUS_OK) {
        *image = decoded;
    }
    return status;
}

static enum status decode_file(const struct image_source *source, const char *path, int side,
                               struct sourced_image *image)
{
    const struct face *face = source->faces ? face_table_find(source->faces, path) : NULL;
    char *text;
    size_t size;
    struct image square = {0};
    if (source->faces && !face) {
        return error_set(&image->error, STATUS_DATA, path, NULL,
                         "the table of faces does not name the image");
    }
    enum status status = file_read(path, FILE_BYTES_MAX, &text, &size, &image->error);
    if (status != STATUS_OK) {
        return status;
    }
    status = decode_bytes((const uint8_t *)text, size, face, side, &square, &image->error);
    free(text);
    if (status == STATUS_OK) {
        memcpy(image->pixels, square.pixels, (size_t)side * (size_t)side * 3);
    }
    image_free(&square);
    return place_error(image, path, status);
}

static enum status next_files(struct image_source *source, int side, int threads, size_t count,
                              struct sourced_image *images, struct error *error)
{
    const struct folder *folder = &source->folder;
    for (size_t i = 0; i < count; i++) {
        const struct folder_identity *identity = &folder->identities[source->identity];
        const char *file = identity->images[source->file];
        int length = snprintf(images[i].name, sizeof images[i].name, "%s/%s", identity->name, file);
        if (length < 0 || (size_t)length >= sizeof images[i].name) {
            return error_set(error, STATUS_DATA, file, "use shorter names", "the image's name is too long");
        }
        images[i].label = source->identity;
        source->file++;
        if (source->file == identity->image_count) {
            source->file = 0;
            source->identity++;
        }
    }
#pragma omp parallel for schedule(dynamic) num_threads(threads)
    for (size_t i = 0; i < count; i++) {
        char path[PATH_SIZE];
        images[i].status = file_join(folder->path, images[i].name, path, &images[i].error);
        if (images[i].status == STATUS_OK) {
            images[i].status = decode_file(source, path, side, &images[i]);
        }
    }
    return STATUS_OK;
}

static enum status next_named(struct image_source *source, int side, int threads, size_t count,
                              struct sourced_image *images, struct error *error)
{
    char *const *paths = source->files.paths + source->next;
    for (size_t i = 0; i < count; i++) {
        if (strlen(paths[i]) >= sizeof images[i].name) {
            return error_set(error, STATUS_DATA, paths[i], "use shorter names",
                             "the image's name is too long");
        }
        snprintf(images[i].name, sizeof images[i].name, "%s", paths[i]);
        images[i].label = 0;
    }
#pragma omp parallel for schedule(dynamic) num_threads(threads)
    for (size_t i = 0; i < count; i++) {
        images[i].status = decode_file(source, paths[i], side, &images[i]);
    }
    return STATUS_OK;
}

static enum status open_next_shard(struct image_source *source, struct error *error)
{
    size_t number = source->opened++;
    if (number == source->shards) {
        return error_set(error, STATUS_DATA, source->shard.path, "start again",
                         "a shard has changed since it was counted");
    }
    shard_close(&source->shard);
    source->image = 0;
    return source->kind == SOURCE_MANIFEST
               ? manifest_open_shard(&source->manifest, (uint32_t)number, &source->shard, error)
               : shard_open(source->paths[number], &source->shard, error);
}

/* Of one shard: fewer than *count at its end. */
static enum status next_of_shard(struct image_source *source, int side, int threads, size_t *count,
                                 struct sourced_image *images, struct error *error)
{
    enum status status = STATUS_OK;
    while (status == STATUS_OK && source->image == source->shard.images) {
        status = open_next_shard(source, error);
    }
    if (status != STATUS_OK) {
        return status;
    }
    const struct shard *shard = &source->shard;
    uint32_t begin = source->image, left = shard->images - begin;
    *count = *count < left ? *count : left;
    uint8_t *bytes = malloc((size_t)(shard->offset[begin + *count] - shard->offset[begin]) + 1);
    status = !bytes ? error_no_memory(error, shard->path)
                    : shard_read(shard, begin, (uint32_t)*count, bytes, error);
    size_t readable = status == STATUS_OK ? *count : 0;
#pragma omp parallel for schedule(dynamic) num_threads(threads)
    for (size_t i = 0; i < readable; i++) {
        uint32_t number = begin + (uint32_t)i;
        const uint8_t *image = bytes + (shard->offset[number] - shard->offset[begin]);
        size_t size = (size_t)(shard->offset[number + 1] - shard->offset[number]);
        snprintf(images[i].name, sizeof images[i].name, "%.255s:%u", file_name(shard->path), number);
        images[i].label = shard->label[number];
        images[i].status = shard_check_image(shard, number, image, &images[i].error);
        if (images[i].status == STATUS_OK) {
            images[i].status =
                place_error(&images[i], images[i].name,
                            image_decode_into(image, size, side, images[i].pixels, &images[i].error));
        }
    }
    source->image += (uint32_t)readable;
    free(bytes);
    return status;
}

static void next_of_pairs(struct image_source *source, int side, int threads, size_t count,
                          struct sourced_image *images)
{
    const struct pairs *pairs = &source->pairs;
#pragma omp parallel for schedule(dynamic) num_threads(threads)
    for (size_t i = 0; i < count; i++) {
        uint64_t number = source->next + i, begin = pairs->offset[number];
        snprintf(images[i].name, sizeof images[i].name, "%.255s:%llu", file_name(pairs->path),
                 (unsigned long long)number);
        images[i].label = 0;
        images[i].status =
            place_error(&images[i], images[i].name,
                        image_decode_into(pairs->image + begin, (size_t)(pairs->offset[number + 1] - begin),
                                          side, images[i].pixels, &images[i].error));
    }
}

enum status image_source_next(struct image_source *source, int side, int threads, size_t most,
                              struct sourced_image *images, size_t *count, struct error *error)
{
    enum status status = STATUS_OK;
    uint64_t left = source->images - source->next;
    *count = most < left ? most : (size_t)left;
    if (*count == 0) {
        return STATUS_OK;
    }
    switch (source->kind) {
    case SOURCE_FOLDER:
        status = next_files(source, side, threads, *count, images, error);
        break;
    case SOURCE_FILES:
        status = next_named(source, side, threads, *count, images, error);
        break;
    case SOURCE_SHARDS:
    case SOURCE_MANIFEST:
        status = next_of_shard(source, side, threads, count, images, error);
        break;
    case SOURCE_PAIRS:
        next_of_pairs(source, side, threads, *count, images);
        break;
    }
    source->next += *count;
    return status;
}
