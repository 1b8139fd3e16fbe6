#include "worker/evaluate/people.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* The item that stands for those that `item` is joined with; the way there is halved. */
static uint32_t find(uint32_t *root, uint32_t item)
{
    while (root[item] != item) {
        root[item] = root[root[item]];
        item = root[item];
    }
    return item;
}

/* The lower item stands for both. */
static void join(uint32_t *root, uint32_t a, uint32_t b)
{
    a = find(root, a);
    b = find(root, b);
    root[a > b ? a : b] = a > b ? b : a;
}

enum status people_join(size_t items, const uint32_t *alias, const uint32_t *pair, const uint8_t *same,
                        size_t pairs, struct people *people, struct error *error)
{
    uint32_t *root = malloc((items + 1) * sizeof *root);
    *people = (struct people){.of = malloc((items + 1) * sizeof *people->of)};
    if (!root || !people->of) {
        free(root);
        return error_no_memory(error, "people");
    }
    for (size_t i = 0; i < items; i++) {
        root[i] = (uint32_t)i;
        people->of[i] = PEOPLE_NONE;
    }
    for (size_t i = 0; alias && i < items; i++) {
        join(root, (uint32_t)i, alias[i]);
    }
    for (size_t i = 0; i < pairs; i++) {
        if (same[i]) {
            join(root, pair[2 * i], pair[2 * i + 1]);
        }
    }
    for (size_t i = 0; i < 2 * pairs; i++) { /* numbered as they come */
        const uint32_t person = find(root, pair[i]);
        if (people->of[person] == PEOPLE_NONE) {
            people->of[person] = people->count++;
        }
        people->of[pair[i]] = people->of[person];
    }
    free(root);
    return STATUS_OK;
}

void people_free(struct people *people)
{
    free(people->of);
    *people = (struct people){.of = NULL};
}

/* --- A set's images --- */

struct stored {
    const uint8_t *bytes;
    uint64_t size;
    uint32_t crc, image;
};

static int compare_content(const struct stored *a, const struct stored *b)
{
    if (a->crc != b->crc) {
        return a->crc < b->crc ? -1 : 1;
    }
    if (a->size != b->size) {
        return a->size < b->size ? -1 : 1;
    }
    return memcmp(a->bytes, b->bytes, (size_t)a->size);
}

static int compare_stored(const void *left, const void *right)
{
    const struct stored *a = left, *b = right;
    const int order = compare_content(a, b);
    return order != 0 ? order : (a->image > b->image) - (a->image < b->image);
}

enum status people_of_set(const struct pairs *pairs, struct people *people, struct error *error)
{
    struct stored *stored = malloc(((size_t)pairs->images + 1) * sizeof *stored);
    uint32_t *alias = malloc(((size_t)pairs->images + 1) * sizeof *alias);
    enum status status = stored && alias ? STATUS_OK : error_no_memory(error, pairs->path);
    *people = (struct people){.of = NULL};
    if (status == STATUS_OK) {
        for (uint32_t i = 0; i < pairs->images; i++) {
            stored[i] = (struct stored){pairs->image + pairs->offset[i],
                                        pairs->offset[i + 1] - pairs->offset[i], pairs->crc[i], i};
        }
        qsort(stored, pairs->images, sizeof *stored, compare_stored);
        for (uint32_t i = 0; i < pairs->images; i++) {
            const bool again = i > 0 && compare_content(&stored[i - 1], &stored[i]) == 0;
            alias[stored[i].image] = again ? stored[i - 1].image : stored[i].image;
        }
        status = people_join(pairs->images, alias, pairs->pair, pairs->same, pairs->count, people, error);
    }
    free(stored);
    free(alias);
    return status;
}
