/* A pickled verification set as a set of ours. Such a pickle has an image again in each of its pairs: it is
 * stored once. */
#include "shard/pack/pack.h"
#include "shard/pack/pack_set.h"
#include "shard/pack/pickle_set.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

/* One image of the pickle. */
struct mention {
    uint32_t place; /* pair * 2 + side */
    uint32_t crc;
    size_t size;
};

struct import {
    struct pickle_set set;
    uint32_t *first; /* [2 set.pairs]: the first place with the same bytes; later the number of the image */
    uint32_t *place; /* [images]: the first place of each one */
    uint32_t images; /* that differ */
};

static int compare_mentions(const void *left, const void *right)
{
    const struct mention *a = left, *b = right;
    if (a->crc != b->crc) {
        return a->crc < b->crc ? -1 : 1;
    }
    if (a->size != b->size) {
        return a->size < b->size ? -1 : 1;
    }
    return (a->place > b->place) - (a->place < b->place);
}

static enum status read_place(const struct import *import, uint32_t place, uint8_t **bytes, size_t *size,
                              struct error *error)
{
    enum status status = pickle_read(&import->set.pickle, &import->set.image[place], bytes, size, error);
    if (status != STATUS_OK) {
        char where[PATH_SIZE];
        snprintf(where, sizeof where, "%.900s, image %u", import->set.pickle.path, place);
        error_prefix_where(error, where);
    }
    return status;
}

static enum status are_same(const struct import *import, const struct mention *a, const struct mention *b,
                            bool *same, struct error *error)
{
    uint8_t *bytes[2] = {NULL, NULL};
    size_t size[2];
    *same = false;
    if (a->crc != b->crc || a->size != b->size) {
        return STATUS_OK;
    }
    enum status status = read_place(import, a->place, &bytes[0], &size[0], error);
    if (status == STATUS_OK) {
        status = read_place(import, b->place, &bytes[1], &size[1], error);
        *same = status == STATUS_OK && size[0] == size[1] && memcmp(bytes[0], bytes[1], size[0]) == 0;
        if (status == STATUS_OK) {
            free(bytes[1]);
        }
        free(bytes[0]);
    }
    return status;
}

static enum status mention_all(const struct import *import, struct mention *mentions, struct error *error)
{
    enum status status = STATUS_OK;
    for (uint32_t i = 0; i < import->set.pairs * 2 && status == STATUS_OK; i++) {
        uint8_t *bytes;
        mentions[i].place = i;
        status = read_place(import, i, &bytes, &mentions[i].size, error);
        if (status == STATUS_OK) {
            mentions[i].crc = (uint32_t)crc32_z(crc32_z(0, NULL, 0), bytes, mentions[i].size);
            free(bytes);
        }
    }
    return status;
}

/* Mentions of the same bytes lie side by side once they are sorted; the first of them stands for all. */
static enum status find_first(struct import *import, struct mention *mentions, struct error *error)
{
    const uint32_t count = import->set.pairs * 2;
    enum status status = mention_all(import, mentions, error);
    if (status != STATUS_OK) {
        return status;
    }
    qsort(mentions, count, sizeof *mentions, compare_mentions);
    for (uint32_t i = 0; i < count && status == STATUS_OK; i++) {
        bool same = false;
        if (i > 0) {
            status = are_same(import, &mentions[i - 1], &mentions[i], &same, error);
        }
        import->first[mentions[i].place] = same ? import->first[mentions[i - 1].place] : mentions[i].place;
    }
    return status;
}

static enum status find_images(struct import *import, struct error *error)
{
    const uint32_t count = import->set.pairs * 2;
    struct mention *mentions = malloc(count * sizeof *mentions);
    import->first = malloc(count * sizeof *import->first);
    import->place = malloc(count * sizeof *import->place);
    enum status status = STATUS_OK;
    if (!mentions || !import->first || !import->place) {
        status = error_set(error, STATUS_INTERNAL, import->set.pickle.path, NULL, "no memory for %u images",
                           count);
    }
    if (status == STATUS_OK) {
        status = find_first(import, mentions, error);
    }
    for (uint32_t i = 0; i < count && status == STATUS_OK; i++) {
        bool is_first = import->first[i] == i;
        if (is_first) {
            import->place[import->images] = i;
        }
        import->first[i] = is_first ? import->images++ : import->first[import->first[i]];
    }
    free(mentions);
    return status;
}

static enum status read_image(const void *context, uint64_t number, char *where, uint8_t **bytes,
                              size_t *size, struct error *error)
{
    const struct import *import = context;
    uint32_t place = import->place[number];
    snprintf(where, PATH_SIZE, "%.900s, image %u", import->set.pickle.path, place);
    return pickle_read(&import->set.pickle, &import->set.image[place], bytes, size, error);
}

static enum status write_set(const struct import *import, const struct pack_pairs *wanted,
                             const struct pack_style *style, struct pack_result *result, struct error *error)
{
    const struct pack_images_source source = {.context = import, .read = read_image};
    struct pack_set *set;
    enum status status =
        pack_set_create(wanted, style, &source, import->images, import->set.pairs, &set, error);
    for (uint32_t i = 0; i < import->set.pairs && status == STATUS_OK; i++) {
        pack_set_pair(set, import->first + (size_t)i * 2, import->set.same[i] == 1, 0);
    }
    return status == STATUS_OK ? pack_set_finish(set, result, error) : status;
}

enum status pack_pickle(const struct pack_pairs *wanted, const struct pack_style *style,
                        struct pack_result *result, struct error *error)
{
    struct import import = {.set.pickle.descriptor = -1};
    *result = (struct pack_result){0};
    enum status status = pack_set_check(wanted, style, error);
    if (status == STATUS_OK) {
        status = pickle_set_open(wanted->list, &import.set, error);
    }
    if (status == STATUS_OK) {
        status = find_images(&import, error);
    }
    if (status == STATUS_OK) {
        status = write_set(&import, wanted, style, result, error);
    }
    pickle_set_close(&import.set);
    free(import.first);
    free(import.place);
    return status;
}
