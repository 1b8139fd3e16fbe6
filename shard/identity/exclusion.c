#include "shard/identity/exclusion.h"

#include "proto/file.h"
#include "proto/text.h"
#include "shard/class_images.h"
#include "shard/identity/class_index.h"
#include "shard/list/exclusion_table.h"

#include <endian.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define CORRECT "correct the list, or take the line out"

/* A line that names an image. */
struct named_image {
    size_t dataset;
    uint32_t shard, number, identity;
    const char *path; /* of the list, and where in it */
    size_t line;
};

struct excluding {
    struct manifest *manifests;
    size_t datasets;
    struct class_names *classes; /* [datasets] */
    char ***names; /* [datasets][classes], or NULL */
    struct class_index index;
    bool **whole; /* [datasets][classes]: left out whole */
    bool *any_whole; /* [datasets] */
    struct named_image *images; /* [image_count], of each shard together */
    size_t image_count, capacity;
    uint64_t rows; /* of the table, that are of these datasets */
    struct exclusion_counts *counts;
};

static enum status open_names(struct excluding *excluding, struct error *error)
{
    const size_t datasets = excluding->datasets;
    excluding->classes = calloc(datasets + 1, sizeof *excluding->classes);
    excluding->names = calloc(datasets + 1, sizeof *excluding->names);
    excluding->whole = calloc(datasets + 1, sizeof *excluding->whole);
    excluding->any_whole = calloc(datasets + 1, sizeof *excluding->any_whole);
    if (!excluding->classes || !excluding->names || !excluding->whole || !excluding->any_whole) {
        return error_no_memory(error, "data.exclude");
    }
    for (size_t k = 0; k < datasets; k++) {
        const struct manifest *manifest = &excluding->manifests[k];
        if (manifest->class_names) {
            const enum status status = manifest_class_names(manifest, &excluding->names[k], error);
            if (status != STATUS_OK) {
                return status;
            }
        }
        excluding->classes[k] = (struct class_names){
            .name = manifest->name, .classes = manifest->classes, .names = excluding->names[k]};
        excluding->whole[k] = calloc((size_t)manifest->classes + 1, sizeof **excluding->whole);
        if (!excluding->whole[k]) {
            return error_no_memory(error, "data.exclude");
        }
    }
    return class_index_create(excluding->classes, datasets, &excluding->index, error);
}

static void close_names(struct excluding *excluding)
{
    for (size_t k = 0; k < excluding->datasets; k++) {
        for (uint32_t j = 0; excluding->names && excluding->names[k] && j < excluding->manifests[k].classes;
             j++) {
            free(excluding->names[k][j]);
        }
        if (excluding->names) {
            free(excluding->names[k]);
        }
        if (excluding->whole) {
            free(excluding->whole[k]);
        }
    }
    class_index_free(&excluding->index);
    free(excluding->classes);
    free(excluding->names);
    free(excluding->whole);
    free(excluding->any_whole);
    free(excluding->images);
}

static enum status add_image(struct excluding *excluding, const struct line_reader *reader, size_t dataset,
                             uint32_t identity, const char *name, struct error *error)
{
    const struct manifest *manifest = &excluding->manifests[dataset];
    struct named_image image = {
        .dataset = dataset, .identity = identity, .path = reader->path, .line = reader->number};
    if (!class_images_find(manifest, name, &image.shard, &image.number) ||
        image.number >= manifest->shards[image.shard].images) {
        return line_reader_refuse(
            reader, error, "name it as dail embed names the manifest's images: <shard's file>:<number>",
            "%s has no image '%.200s'", manifest->name, name);
    }
    if (excluding->image_count == excluding->capacity) {
        const size_t capacity = 2 * excluding->capacity + 64;
        struct named_image *larger = realloc(excluding->images, capacity * sizeof *larger);
        if (!larger) {
            return error_no_memory(error, reader->path);
        }
        excluding->images = larger;
        excluding->capacity = capacity;
    }
    excluding->images[excluding->image_count++] = image;
    return STATUS_OK;
}

static enum status refuse_identity(const struct class_names *dataset, const struct line_reader *reader,
                                   const char *identity, struct error *error)
{
    const char *nearest = dataset->names ? text_nearest(identity, (const char *const *)dataset->names,
                                                        dataset->classes, sizeof *dataset->names)
                                         : NULL;
    return line_reader_refuse(reader, error, CORRECT, "%s has no identity '%.200s'%s%.100s%s", dataset->name,
                              identity, nearest ? "; the nearest is '" : "", nearest ? nearest : "",
                              nearest ? "'" : "");
}

static enum status take_row(struct excluding *excluding, const struct line_reader *reader,
                            const struct exclusion_row *row, struct error *error)
{
    struct exclusion_counts *counts = excluding->counts;
    uint32_t identity;
    size_t dataset;
    switch (class_index_find(&excluding->index, row->dataset, row->identity, &dataset, &identity)) {
    case CLASS_OF_NO_DATASET:
        if (counts->elsewhere++ == 0) {
            snprintf(counts->other, sizeof counts->other, "%s", row->dataset);
        }
        return STATUS_OK;
    case CLASS_OF_NO_NAME:
        return refuse_identity(&excluding->classes[dataset], reader, row->identity, error);
    case CLASS_FOUND:
        break;
    }
    excluding->rows++;
    if (!exclusion_row_holds(row)) {
        return STATUS_OK;
    }
    if (row->image[0] != 0) {
        return add_image(excluding, reader, dataset, identity, row->image, error);
    }
    counts->identities += !excluding->whole[dataset][identity];
    excluding->whole[dataset][identity] = true;
    excluding->any_whole[dataset] = true;
    return STATUS_OK;
}

static enum status read_table(struct excluding *excluding, const char *path, struct error *error)
{
    struct line_reader reader = {0};
    struct exclusion_columns columns;
    struct exclusion_row row;
    char *line = NULL;
    const uint64_t before = excluding->rows;
    enum status status = line_reader_open(&reader, path, error);
    if (status == STATUS_OK) {
        status = line_reader_next(&reader, &line, error);
    }
    if (status == STATUS_OK && (!line || !exclusion_header(line, &columns))) {
        status = error_set(error, STATUS_DATA, path,
                           "name a table as dail overlap --within writes it, or begin yours with these four",
                           "the first line is not the header dataset, identity, image, reason, with a tab "
                           "between them");
    }
    while (status == STATUS_OK) {
        status = line_reader_next(&reader, &line, error);
        if (status != STATUS_OK || !line) {
            break;
        }
        status = exclusion_row_read(&columns, &reader, line, &row, error);
        if (status == STATUS_OK) {
            status = take_row(excluding, &reader, &row, error);
        }
    }
    line_reader_close(&reader);
    if (status == STATUS_OK && excluding->rows == before && excluding->counts->elsewhere > 0) {
        status = error_set(
            error, STATUS_DATA, path, "correct the names of the datasets, or take the table out",
            "no row of the table is of a dataset of this run; there is '%.100s'", excluding->counts->other);
    }
    return status;
}

static int compare_images(const void *first, const void *second)
{
    const struct named_image *a = first, *b = second;
    if (a->dataset != b->dataset) {
        return a->dataset < b->dataset ? -1 : 1;
    }
    if (a->shard != b->shard) {
        return a->shard < b->shard ? -1 : 1;
    }
    return (a->number > b->number) - (a->number < b->number);
}

/* A name beside an image is that of whom it is of: else the list is of another packing. */
static enum status check_identity(const struct excluding *excluding, const struct named_image *image,
                                  uint32_t label, struct error *error)
{
    const struct class_names *classes = &excluding->classes[image->dataset];
    char where[PATH_SIZE + 32];
    if (image->identity == label) {
        return STATUS_OK;
    }
    snprintf(where, sizeof where, "%s:%zu", image->path, image->line);
    return error_set(error, STATUS_DATA, where, "make the list anew, of the dataset as it is packed now",
                     "the image is of identity %u%s%.200s%s of %s, not of %u", label,
                     classes->names ? " (" : "", classes->names ? classes->names[label] : "",
                     classes->names ? ")" : "", classes->name, image->identity);
}

/* What is left out of one shard: its images in the list from `at`, and those of whole identities. */
static enum status exclude_in_shard(struct excluding *excluding, size_t dataset, uint32_t index, size_t *at,
                                    struct error *error)
{
    struct manifest *manifest = &excluding->manifests[dataset];
    struct manifest_shard *listed = &manifest->shards[index];
    struct shard shard = {0};
    enum status status = manifest_open_shard(manifest, index, &shard, error);
    if (status == STATUS_OK) {
        listed->left_out = calloc((size_t)listed->images + 1, sizeof *listed->left_out);
        status = listed->left_out ? STATUS_OK : error_no_memory(error, manifest->path);
    }
    for (uint32_t i = 0; status == STATUS_OK && i < listed->images; i++) {
        bool out = excluding->whole[dataset][shard.label[i]];
        for (; status == STATUS_OK && *at < excluding->image_count; ++*at) {
            const struct named_image *image = &excluding->images[*at];
            if (image->dataset != dataset || image->shard != index || image->number != i) {
                break;
            }
            out = true;
            status = check_identity(excluding, image, shard.label[i], error);
        }
        if (out) {
            listed->left_out[listed->left_out_count++] = i;
        }
    }
    shard_close(&shard);
    excluding->counts->images += listed->left_out_count;
    return status;
}

static enum status exclude_in_dataset(struct excluding *excluding, size_t dataset, size_t *at,
                                      struct error *error)
{
    const struct manifest *manifest = &excluding->manifests[dataset];
    enum status status = STATUS_OK;
    for (uint32_t i = 0; i < manifest->shard_count && status == STATUS_OK; i++) {
        const bool named = *at < excluding->image_count && excluding->images[*at].dataset == dataset &&
                           excluding->images[*at].shard == i;
        if (named || excluding->any_whole[dataset]) {
            status = exclude_in_shard(excluding, dataset, i, at, error);
        }
    }
    return status == STATUS_OK && manifest->images > 0 && manifest_kept(manifest) == 0
               ? error_set(error, STATUS_DATA, manifest->path, "take the dataset out of data.datasets",
                           "all images of %s are left out", manifest->name)
               : status;
}

enum status exclusion_apply(char *const *paths, size_t count, struct manifest *manifests, size_t datasets,
                            struct exclusion_counts *counts, struct error *error)
{
    struct excluding excluding = {.manifests = manifests, .datasets = datasets, .counts = counts};
    size_t at = 0;
    *counts = (struct exclusion_counts){0};
    if (count == 0) {
        return STATUS_OK;
    }
    enum status status = open_names(&excluding, error);
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        status = read_table(&excluding, paths[i], error);
    }
    if (excluding.image_count > 1) {
        qsort(excluding.images, excluding.image_count, sizeof *excluding.images, compare_images);
    }
    for (size_t k = 0; k < datasets && status == STATUS_OK; k++) {
        status = exclude_in_dataset(&excluding, k, &at, error);
    }
    close_names(&excluding);
    return status;
}

void exclusion_tell(const struct exclusion_counts *counts, char *text, size_t size)
{
    char other[SHARD_NAME_MAX + 64] = "";
    if (counts->elsewhere > 0) {
        snprintf(other, sizeof other, "; %" PRIu64 " rows are of other datasets, such as %s",
                 counts->elsewhere, counts->other);
    }
    snprintf(text, size, "data.exclude: %" PRIu64 " images are left out, %" PRIu64 " identities whole%s",
             counts->images, counts->identities, other);
}

void exclusion_mark(struct manifest *manifest)
{
    const size_t half = (MANIFEST_FINGERPRINT_SIZE - 1) / 2;
    uLong sum = strtoul(manifest->fingerprint + half, NULL, 16);
    if (manifest_kept(manifest) == manifest->images) {
        return;
    }
    for (uint32_t i = 0; i < manifest->shard_count; i++) {
        for (uint32_t j = 0; j < manifest->shards[i].left_out_count; j++) {
            const uint32_t which[2] = {htole32(i), htole32(manifest->shards[i].left_out[j])};
            sum = crc32(sum, (const Bytef *)which, sizeof which);
        }
    }
    snprintf(manifest->fingerprint + half, half + 1, "%08x", (unsigned)sum);
}
