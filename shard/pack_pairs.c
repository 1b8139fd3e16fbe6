#include "shard/pack.h"

#include "proto/file.h"
#include "shard/pack_image.h"
#include "shard/pair_list.h"
#include "shard/pairs.h"
#include "shard/path.h"
#include "shard/shard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define NO_IMAGE UINT32_MAX

/* One place in the list where an image is named. */
struct mention {
    const char *path;
    uint32_t place; /* pair * 2 + side */
};

struct import {
    const struct pack_pairs *wanted;
    const struct pack_style *style;
    struct pair_list list;
    const char **path; /* [paths]: every image once, in the order of first mention */
    uint32_t paths;
    uint32_t *image; /* [list.count * 2]: index into path */
    uint32_t *stored; /* [paths]: index in the set, or NO_IMAGE */
    struct packed_image *batch; /* [PACK_BATCH] */
    uint64_t capacity; /* of pairs.image */
    struct pairs pairs;
    struct pack_result *result;
};

static enum status no_memory(const struct import *import, struct error *error)
{
    return error_set(error, STATUS_INTERNAL, import->wanted->list, NULL,
                     "no memory for the verification set");
}

/* --- Which images --- */

static bool is_wanted(const struct pack_pairs *wanted, int fold)
{
    for (size_t i = 0; i < wanted->fold_count; i++)
        if (wanted->folds[i] == fold)
            return true;
    return wanted->fold_count == 0;
}

static enum status choose_folds(struct import *import, struct error *error)
{
    const struct pack_pairs *wanted = import->wanted;
    struct pair_list *list = &import->list;
    for (size_t i = 0; i < wanted->fold_count; i++) {
        bool there = false;
        for (size_t pair = 0; pair < list->count && !there; pair++)
            there = list->pairs[pair].fold == wanted->folds[i];
        if (!there)
            return error_set(error, STATUS_USAGE, wanted->list, "name folds as the list numbers them",
                             "there is no fold %d in the list", wanted->folds[i]);
    }
    size_t kept = 0;
    for (size_t i = 0; i < list->count; i++) {
        struct pair_list_pair pair = list->pairs[i];
        if (is_wanted(wanted, pair.fold)) {
            list->pairs[kept++] = pair;
        } else {
            free(pair.image[0]);
            free(pair.image[1]);
        }
    }
    list->count = kept;
    return STATUS_OK;
}

static int compare_mentions(const void *left, const void *right)
{
    const struct mention *a = left, *b = right;
    int order = strcmp(a->path, b->path);
    return order != 0 ? order : (a->place > b->place) - (a->place < b->place);
}

/* Finds every image once: mentions sorted by path, whose first one stands for all; numbered as first met. */
static enum status find_images(struct import *import, struct error *error)
{
    size_t mentions = import->list.count * 2;
    struct mention *sorted = malloc(mentions * sizeof *sorted);
    import->image = malloc(mentions * sizeof *import->image);
    import->path = malloc(mentions * sizeof *import->path);
    if (sorted == NULL || import->image == NULL || import->path == NULL || mentions >= UINT32_MAX) {
        free(sorted);
        return no_memory(import, error);
    }
    for (size_t i = 0; i < mentions; i++)
        sorted[i] = (struct mention){import->list.pairs[i / 2].image[i % 2], (uint32_t)i};
    qsort(sorted, mentions, sizeof *sorted, compare_mentions);
    for (size_t i = 0; i < mentions; i++) {
        bool again = i > 0 && strcmp(sorted[i - 1].path, sorted[i].path) == 0;
        /* For now the place of the first mention. */
        import->image[sorted[i].place] = again ? import->image[sorted[i - 1].place] : sorted[i].place;
    }
    free(sorted);
    for (uint32_t i = 0; i < mentions; i++) {
        uint32_t first = import->image[i];
        if (first == i)
            import->path[import->paths] = import->list.pairs[i / 2].image[i % 2];
        import->image[i] = first == i ? import->paths++ : import->image[first];
    }
    import->stored = malloc(import->paths * sizeof *import->stored);
    return import->stored == NULL ? no_memory(import, error) : STATUS_OK;
}

/* --- Images --- */

static enum status store(struct import *import, const struct packed_image *image, struct error *error)
{
    struct pairs *pairs = &import->pairs;
    if (pairs->bytes + image->size > import->capacity) {
        uint64_t capacity = (pairs->bytes + image->size) * 2;
        uint8_t *larger = realloc(pairs->image, capacity);
        if (larger == NULL)
            return no_memory(import, error);
        pairs->image = larger;
        import->capacity = capacity;
    }
    memcpy(pairs->image + pairs->bytes, image->bytes, image->size);
    pairs->crc[pairs->images] = (uint32_t)crc32_z(crc32_z(0, NULL, 0), image->bytes, image->size);
    pairs->bytes += image->size;
    pairs->offset[++pairs->images] = pairs->bytes;
    enum image_encoding encoding = image_sniff(image->bytes, image->size);
    if (pairs->images == 1)
        pairs->encoding = encoding;
    else if (pairs->encoding != encoding)
        pairs->encoding = IMAGE_UNKNOWN;
    import->result->kept += image->kept;
    return STATUS_OK;
}

static enum status pack_batch(struct import *import, uint32_t begin, size_t count, struct error *error)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < count && status == STATUS_OK; i++)
        status = path_join(import->wanted->folder, import->path[begin + i], import->batch[i].path, error);
    if (status != STATUS_OK)
        return status;
    pack_images(import->style, import->batch, count);
    for (size_t i = 0; i < count; i++) {
        struct packed_image *image = &import->batch[i];
        import->stored[begin + i] = image->status == STATUS_OK ? import->pairs.images : NO_IMAGE;
        if (status == STATUS_OK)
            status = image->status == STATUS_OK ? store(import, image, error)
                                                : pack_bad_image(import->style, image, error);
        packed_image_free(image);
    }
    return status;
}

static enum status pack_all(struct import *import, struct error *error)
{
    struct pairs *pairs = &import->pairs;
    pairs->offset = calloc((size_t)import->paths + 1, sizeof *pairs->offset);
    pairs->crc = calloc(import->paths, sizeof *pairs->crc);
    import->batch = calloc(PACK_BATCH, sizeof *import->batch);
    if (pairs->offset == NULL || pairs->crc == NULL || import->batch == NULL)
        return no_memory(import, error);
    enum status status = STATUS_OK;
    for (uint32_t begin = 0; begin < import->paths && status == STATUS_OK;) {
        size_t count = import->paths - begin < PACK_BATCH ? import->paths - begin : PACK_BATCH;
        status = pack_batch(import, begin, count, error);
        begin += (uint32_t)count;
        if (status == STATUS_OK && import->style->progress != NULL)
            import->style->progress(import->style->context, begin, import->paths);
    }
    return status;
}

/* --- Pairs --- */

static enum status pair_up(struct import *import, struct error *error)
{
    struct pairs *pairs = &import->pairs;
    size_t count = import->list.count;
    pairs->pair = malloc(count * 2 * sizeof *pairs->pair);
    pairs->same = malloc(count);
    pairs->fold = malloc(count);
    if (pairs->pair == NULL || pairs->same == NULL || pairs->fold == NULL)
        return no_memory(import, error);
    for (size_t i = 0; i < count; i++) {
        uint32_t a = import->stored[import->image[i * 2]], b = import->stored[import->image[i * 2 + 1]];
        if (a == NO_IMAGE || b == NO_IMAGE) {
            import->result->skipped++;
            continue;
        }
        pairs->pair[(size_t)pairs->count * 2] = a;
        pairs->pair[(size_t)pairs->count * 2 + 1] = b;
        pairs->same[pairs->count] = import->list.pairs[i].same;
        pairs->fold[pairs->count] = (uint8_t)(import->list.pairs[i].fold - import->list.first_fold);
        pairs->count++;
    }
    return STATUS_OK;
}

static enum status write_set(struct import *import, const char *path, struct error *error)
{
    const struct pack_pairs *wanted = import->wanted;
    uint32_t crc;
    snprintf(import->pairs.name, sizeof import->pairs.name, "%s", wanted->name);
    snprintf(import->pairs.path, sizeof import->pairs.path, "%s", path);
    import->pairs.image_size = import->style->size;
    enum status status = file_make_directory(wanted->directory, error);
    if (status == STATUS_OK)
        status = pairs_write(&import->pairs, path, error);
    if (status == STATUS_OK)
        status = path_crc(path, &import->result->bytes, &crc, error);
    import->result->images = import->pairs.images;
    import->result->pairs = import->pairs.count;
    return status;
}

static enum status check(const struct pack_pairs *wanted, char *path, struct error *error)
{
    char file[SHARD_NAME_MAX + 8];
    if (!shard_name_is_valid(wanted->name))
        return error_set(error, STATUS_USAGE, wanted->name, "use letters, digits, '.', '_' and '-'",
                         "a verification set cannot have this name");
    snprintf(file, sizeof file, "%s.h5", wanted->name);
    enum status status = path_join(wanted->directory, file, path, error);
    if (status == STATUS_OK && !wanted->force && path_exists(path))
        status = error_set(error, STATUS_USAGE, path, "choose another name, or replace it with --force",
                           "the verification set exists already");
    return status;
}

enum status pack_pairs(const struct pack_pairs *wanted, const struct pack_style *style,
                       struct pack_result *result, struct error *error)
{
    char path[PATH_SIZE];
    struct import import = {.wanted = wanted, .style = style, .result = result};
    *result = (struct pack_result){0};
    enum status status = pack_style_is_valid(style, error);
    if (status == STATUS_OK)
        status = check(wanted, path, error);
    if (status == STATUS_OK)
        status = pair_list_read(wanted->list, &import.list, error);
    if (status == STATUS_OK)
        status = choose_folds(&import, error);
    if (status == STATUS_OK)
        status = find_images(&import, error);
    if (status == STATUS_OK)
        status = pack_all(&import, error);
    if (status == STATUS_OK)
        status = pair_up(&import, error);
    if (status == STATUS_OK)
        status = write_set(&import, path, error);
    pair_list_free(&import.list);
    pairs_close(&import.pairs);
    free(import.path);
    free(import.image);
    free(import.stored);
    free(import.batch);
    return status;
}
