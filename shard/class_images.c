#include "shard/class_images.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct finder {
    int side;
    struct class_images *chosen;
    size_t count;
    bool *wanted; /* [classes]: whether the class lacks pictures */
    size_t lacking; /* chosen ones that do */
};

static enum status finder_create(struct finder *finder, uint32_t classes, struct error *error)
{
    finder->wanted = calloc((size_t)classes + 1, sizeof *finder->wanted);
    if (!finder->wanted) {
        return error_no_memory(error, "pictures");
    }
    for (size_t i = 0; i < finder->count; i++) {
        struct class_images *chosen = &finder->chosen[i];
        if (chosen->class >= classes) {
            return error_set(error, STATUS_DATA, NULL, NULL, "there is no class %u of %u", chosen->class,
                             classes);
        }
        chosen->found = 0;
        finder->wanted[chosen->class] = true;
        finder->lacking++;
    }
    return STATUS_OK;
}

static enum status decode(const uint8_t *bytes, size_t size, int side, struct image *image,
                          struct error *error)
{
    struct image decoded;
    enum status status = image_decode(bytes, size, &decoded, error);
    if (status != STATUS_OK || (decoded.width == side && decoded.height == side)) {
        *image = decoded;
        return status;
    }
    status = image_resize(&decoded, side, image, error);
    image_free(&decoded);
    return status;
}

/* One image of a shard at the side wanted. */
static enum status load(const struct shard *shard, uint32_t number, int side, struct image *image,
                        struct error *error)
{
    const size_t size = (size_t)(shard->offset[number + 1] - shard->offset[number]);
    uint8_t *bytes = malloc(size + 1);
    if (!bytes) {
        return error_no_memory(error, shard->path);
    }
    enum status status = shard_read(shard, number, 1, bytes, error);
    if (status == STATUS_OK) {
        status = shard_check_image(shard, number, bytes, error);
    }
    if (status == STATUS_OK) {
        status = decode(bytes, size, side, image, error);
        if (status != STATUS_OK) {
            char where[1100];
            snprintf(where, sizeof where, "%s, image %u", shard->path, number);
            error_prefix_where(error, where);
        }
    }
    free(bytes);
    return status;
}

/* Gives the picture to every chosen one of its class. */
static void hand_out(struct finder *finder, uint32_t class, const struct image *image)
{
    const size_t bytes = (size_t)finder->side * (size_t)finder->side * 3;
    bool lacking = false;
    for (size_t i = 0; i < finder->count; i++) {
        struct class_images *chosen = &finder->chosen[i];
        if (chosen->class != class || chosen->found == chosen->wanted) {
            continue;
        }
        memcpy(chosen->pixels + (size_t)chosen->found * bytes, image->pixels, bytes);
        chosen->found++;
        finder->lacking -= chosen->found == chosen->wanted;
        lacking = lacking || chosen->found < chosen->wanted;
    }
    finder->wanted[class] = lacking;
}

static enum status search_shard(struct finder *finder, const struct shard *shard, struct error *error)
{
    for (uint32_t i = 0; i < shard->images && finder->lacking > 0; i++) {
        struct image image = {0};
        if (!finder->wanted[shard->label[i]]) {
            continue;
        }
        enum status status = load(shard, i, finder->side, &image, error);
        if (status != STATUS_OK) {
            return status;
        }
        hand_out(finder, shard->label[i], &image);
        image_free(&image);
    }
    return STATUS_OK;
}

enum status class_images_read(const struct manifest *manifest, int side, struct class_images *chosen,
                              size_t count, struct error *error)
{
    struct finder finder = {.side = side, .chosen = chosen, .count = count};
    enum status status = finder_create(&finder, manifest->classes, error);
    for (uint32_t i = 0; i < manifest->shard_count && finder.lacking > 0 && status == STATUS_OK; i++) {
        struct shard shard = {0};
        status = manifest_open_shard(manifest, i, &shard, error);
        if (status == STATUS_OK) {
            status = search_shard(&finder, &shard, error);
        }
        shard_close(&shard);
    }
    free(finder.wanted);
    return status;
}

bool class_images_find(const struct manifest *manifest, const char *name, uint32_t *index, uint32_t *number)
{
    const char *colon = strrchr(name, ':');
    char *end;
    if (!colon || colon[1] < '0' || colon[1] > '9') {
        return false;
    }
    const unsigned long value = strtoul(colon + 1, &end, 10);
    if (*end || value > UINT32_MAX) {
        return false;
    }
    *number = (uint32_t)value;
    for (*index = 0; *index < manifest->shard_count; ++*index) {
        const char *file = manifest->shards[*index].file, *slash = strrchr(file, '/');
        const char *base = slash ? slash + 1 : file;
        if (strlen(base) == (size_t)(colon - name) && strncmp(base, name, (size_t)(colon - name)) == 0) {
            return true;
        }
    }
    return false;
}

enum status class_images_named(const struct manifest *manifest, const char *name, int side, uint8_t *pixels,
                               struct error *error)
{
    uint32_t index, number;
    struct shard shard = {0};
    struct image image = {0};
    if (!class_images_find(manifest, name, &index, &number)) {
        return error_set(error, STATUS_DATA, name, NULL, "%s has no image of that name", manifest->name);
    }
    enum status status = manifest_open_shard(manifest, index, &shard, error);
    if (status == STATUS_OK && number >= shard.images) {
        status = error_set(error, STATUS_DATA, name, NULL, "%s has no image of that name", manifest->name);
    }
    if (status == STATUS_OK) {
        status = load(&shard, number, side, &image, error);
    }
    if (status == STATUS_OK) {
        memcpy(pixels, image.pixels, (size_t)side * (size_t)side * 3);
        image_free(&image);
    }
    shard_close(&shard);
    return status;
}
