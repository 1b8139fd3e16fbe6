#include "shard/pack/pack_set.h"

#include "proto/file.h"
#include "shard/dataset/packing_folder.h"
#include "shard/pairs.h"
#include "shard/shard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#define NO_IMAGE UINT32_MAX

struct pack_set {
    const struct pack_pairs *wanted;
    const struct pack_style *style;
    const struct pack_images_source *source;
    char hidden[PATH_SIZE]; /* the folder whose owner packs this set */
    struct folder_lock *lock; /* on it */
    uint32_t images; /* of the source */
    uint32_t *stored; /* [images]: index in the set, or NO_IMAGE */
    uint64_t capacity; /* of pairs.image */
    uint64_t kept, turned, fitted, skipped; /* images, and pairs of these */
    struct pairs pairs;
};

static void set_free(struct pack_set *set)
{
    pairs_close(&set->pairs);
    free(set->stored);
    if (set->lock) {
        folder_lock_release(set->lock);
        rmdir(set->hidden);
    }
    free(set);
}

static enum status set_path(const struct pack_pairs *wanted, char *path, struct error *error)
{
    char file[SHARD_NAME_MAX + 8];
    if (!shard_name_is_valid(wanted->name)) {
        return error_set(error, STATUS_USAGE, wanted->name, "use letters, digits, '.', '_' and '-'",
                         "a verification set cannot have this name");
    }
    snprintf(file, sizeof file, "%s.h5", wanted->name);
    return file_join(wanted->directory, file, path, error);
}

enum status pack_set_check(const struct pack_pairs *wanted, const struct pack_style *style,
                           struct error *error)
{
    char path[PATH_SIZE];
    enum status status = pack_style_is_valid(style, error);
    if (status == STATUS_OK) {
        status = set_path(wanted, path, error);
    }
    if (status == STATUS_OK && !wanted->force && file_exists(path)) {
        status = error_set(error, STATUS_USAGE, path, "choose another name, or replace it with --force",
                           "the verification set exists already");
    }
    return status;
}

/* Makes this process the only one that packs the set. */
static enum status own(struct pack_set *set, struct error *error)
{
    const struct pack_style *style = set->style;
    char file[SHARD_NAME_MAX + 8], warning[512] = "";
    snprintf(file, sizeof file, "%s.h5", set->wanted->name);
    enum status status = packing_folder_path(set->wanted->directory, file, set->hidden, error);
    if (status == STATUS_OK) {
        status = packing_folder_own(set->hidden, &set->lock, warning, sizeof warning, error);
    }
    if (warning[0] != '\0' && style->warn) {
        style->warn(style->context, warning);
    }
    /* Another packing may have ended just now. */
    return status == STATUS_OK ? pack_set_check(set->wanted, style, error) : status;
}

/* --- Images --- */

static enum status store(struct pack_set *set, const struct packed_image *image, struct error *error)
{
    struct pairs *pairs = &set->pairs;
    if (pairs->bytes + image->size > set->capacity) {
        uint64_t capacity = (pairs->bytes + image->size) * 2;
        uint8_t *larger = realloc(pairs->image, capacity);
        if (!larger) {
            return error_no_memory(error, set->wanted->list);
        }
        pairs->image = larger;
        set->capacity = capacity;
    }
    memcpy(pairs->image + pairs->bytes, image->bytes, image->size);
    pairs->crc[pairs->images] = (uint32_t)crc32_z(crc32_z(0, NULL, 0), image->bytes, image->size);
    pairs->bytes += image->size;
    pairs->offset[++pairs->images] = pairs->bytes;
    enum image_encoding encoding = image_sniff(image->bytes, image->size);
    if (pairs->images == 1) {
        pairs->encoding = encoding;
    } else if (pairs->encoding != encoding) {
        pairs->encoding = IMAGE_UNKNOWN;
    }
    set->kept += image->kept;
    set->turned += image->turned;
    set->fitted += image->fitted;
    return STATUS_OK;
}

static enum status pack_batch(struct pack_set *set, struct packed_image *batch, uint32_t begin, size_t count,
                              struct error *error)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < count; i++) {
        batch[i].number = begin + i;
    }
    pack_images(set->style, set->source, batch, count, NULL, NULL);
    for (size_t i = 0; i < count; i++) {
        struct packed_image *image = &batch[i];
        set->stored[begin + i] = image->status == STATUS_OK ? set->pairs.images : NO_IMAGE;
        if (status == STATUS_OK) {
            status = image->status == STATUS_OK ? store(set, image, error)
                                                : pack_bad_image(set->style, image, error);
        }
        packed_image_free(image);
    }
    return status;
}

static enum status pack_all(struct pack_set *set, struct error *error)
{
    struct packed_image *batch = calloc(PACK_BATCH, sizeof *batch);
    enum status status = !batch ? error_no_memory(error, set->wanted->list) : STATUS_OK;
    for (uint32_t begin = 0; begin < set->images && status == STATUS_OK;) {
        size_t count = set->images - begin < PACK_BATCH ? set->images - begin : PACK_BATCH;
        status = pack_batch(set, batch, begin, count, error);
        begin += (uint32_t)count;
        if (status == STATUS_OK && set->style->progress) {
            set->style->progress(set->style->context, begin, set->images);
        }
    }
    free(batch);
    return status;
}

enum status pack_set_create(const struct pack_pairs *wanted, const struct pack_style *style,
                            const struct pack_images_source *source, uint32_t images, size_t pairs,
                            struct pack_set **result, struct error *error)
{
    struct pack_set *set = calloc(1, sizeof *set);
    *result = NULL;
    if (!set) {
        return error_no_memory(error, wanted->list);
    }
    set->wanted = wanted;
    set->style = style;
    set->source = source;
    set->images = images;
    set->stored = malloc((size_t)images * sizeof *set->stored + 1);
    set->pairs.offset = calloc((size_t)images + 1, sizeof *set->pairs.offset);
    set->pairs.crc = calloc((size_t)images + 1, sizeof *set->pairs.crc);
    set->pairs.pair = malloc(pairs * 2 * sizeof *set->pairs.pair + 1);
    set->pairs.same = malloc(pairs + 1);
    set->pairs.fold = malloc(pairs + 1);
    enum status status = STATUS_OK;
    if (!set->stored || !set->pairs.offset || !set->pairs.crc || !set->pairs.pair || !set->pairs.same ||
        !set->pairs.fold) {
        status = error_no_memory(error, set->wanted->list);
    }
    if (status == STATUS_OK) {
        status = own(set, error);
    }
    if (status == STATUS_OK) {
        status = pack_all(set, error);
    }
    if (status == STATUS_OK) {
        *result = set;
    } else {
        set_free(set);
    }
    return status;
}

/* --- Pairs --- */

void pack_set_pair(struct pack_set *set, const uint32_t image[2], bool same, uint8_t fold)
{
    struct pairs *pairs = &set->pairs;
    uint32_t a = set->stored[image[0]], b = set->stored[image[1]];
    if (a == NO_IMAGE || b == NO_IMAGE) {
        char pair[32];
        snprintf(pair, sizeof pair, "%llu", (unsigned long long)(pairs->count + ++set->skipped));
        left_out_add(set->style->left_out, LEFT_OUT_BAD_PAIR, pair, NULL);
        return;
    }
    pairs->pair[(size_t)pairs->count * 2] = a;
    pairs->pair[(size_t)pairs->count * 2 + 1] = b;
    pairs->same[pairs->count] = same;
    pairs->fold[pairs->count] = fold;
    pairs->count++;
}

enum status pack_set_finish(struct pack_set *set, struct pack_result *result, struct error *error)
{
    struct pairs *pairs = &set->pairs;
    char path[PATH_SIZE];
    uint32_t crc;
    snprintf(pairs->name, sizeof pairs->name, "%s", set->wanted->name);
    pairs->image_size = set->style->size;
    enum status status = set_path(set->wanted, path, error);
    if (status == STATUS_OK) {
        snprintf(pairs->path, sizeof pairs->path, "%s", path);
        status = folder_lock_check(set->lock, error);
    }
    if (status == STATUS_OK) {
        status = pairs_write(pairs, path, error);
    }
    if (status == STATUS_OK) {
        status = file_crc(path, FILE_LINKS_FOLLOWED, &result->bytes, &crc, error);
    }
    result->images = pairs->images;
    result->pairs = pairs->count;
    result->kept = set->kept;
    result->turned = set->turned;
    result->fitted = set->fitted;
    result->skipped = set->skipped;
    set_free(set);
    return status;
}
